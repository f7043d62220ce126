"""Ranges of a made-up function whose second half isn't in the dump."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.pci.regions import regions_of
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import ULONG, FakeMemory, fake_kernel, record

RESOURCE = record("resource", ("start", ULONG), ("end", ULONG), ("flags", ULONG), ("parent", ULONG))
DEVICE = record("pci_dev", ("resource", ArrayType(RESOURCE, 3)))
TYPES: dict[str, Type] = {"struct resource": RESOURCE, "struct pci_dev": DEVICE}
ANSWERS = {"gdb ptype PCI_ROM_RESOURCE": "type = enum {PCI_ROM_RESOURCE = 6, PCI_BRIDGE_RESOURCES = 13}\n"}
PAGE, MEMORY = 4096, 0x200


def test_a_claim_that_is_missing_is_no_claim_that_is_not_there() -> None:
    memory = FakeMemory()
    page = memory.allocate(2 * PAGE, PAGE) + PAGE
    # the next page begins with the last word of the third range
    place = page + 8 - DEVICE.size
    for at, parent in enumerate((0xFFFF_8880_0000_0000, 0, 0)):
        memory.word(place + at * RESOURCE.size, 0x1000, 0x1FFF, MEMORY, parent)
    memory.hole(page)
    survey = Survey(fake_kernel(memory, TYPES, {}, ANSWERS))
    one: Any = SimpleNamespace(
        row=SimpleNamespace(pci_address="0000:00:02.0", pci_type="device"), place=place
    )
    assert [row.claimed for row in regions_of(survey, [one])] == [True, False, None]
    assert not survey.complete
