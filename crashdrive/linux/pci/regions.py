"""Ranges of memory and ports that functions of PCI devices have, as in sysfs's ``resource``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.kernel.types.model import ArrayType
from crashdrive.kernel.types.paths import bare
from crashdrive.linux.pci.functions import KIND, read_functions
from crashdrive.linux.survey import Fields, enumerators
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.pci.functions import Function
    from crashdrive.linux.survey import Survey

_RESOURCE = "struct resource"
_FIELDS = {"start": ("start",), "end": ("end",), "flags": ("flags",), "parent": ("parent",)}
# IORESOURCE_* (include/linux/ioport.h)
_IO, _MEMORY, _PREFETCH, _WIDE, _UNSET = 0x100, 0x200, 0x2000, 0x100000, 0x20000000
# PCI_ROM_RESOURCE; six base addresses come before it, windows of bridges after those of SR-IOV, if there are
_ROM, _WINDOWS = "PCI_ROM_RESOURCE", "PCI_BRIDGE_RESOURCES"


class PciRegion(Record, frozen=True):
    """A range of a function.

    ``region_index``: its place in sysfs's resource file. ``region_use``: ``BAR`` with its number, ``ROM``,
    ``SR-IOV``, ``window`` of a bridge, or ``other`` (ports that the kernel knows of a chip).
    ``region_kind``: ``memory`` or ``ports``, ``prefetchable`` and ``64-bit``. ``first_address`` and
    ``last_address``: as the CPU sees it. ``claimed``: it stands in /proc/iomem or /proc/ioports.
    ``unassigned``: the kernel found no room for it.
    """

    pci_address: str
    region_index: int
    region_use: str
    region_kind: str
    first_address: Address
    last_address: Address
    region_bytes: int
    claimed: bool | None
    unassigned: bool
    region_struct: Address


def pci_regions(survey: Survey) -> Iterator[PciRegion]:
    """The ranges of all functions, ordered by function and index."""
    yield from regions_of(survey, read_functions(survey))


def regions_of(survey: Survey, functions: Sequence[Function]) -> Iterator[PciRegion]:
    """The ranges of these functions; those of no length are left out, as in lspci."""
    kernel = survey.kernel
    if not functions:
        return
    array = bare(kernel.layouts, kernel.place(KIND, "resource").type)
    count = (array.count or 0) if isinstance(array, ArrayType) else 0
    numbers = enumerators(survey, _ROM)
    start, step = kernel.offset(KIND, "resource"), kernel.sizeof(_RESOURCE)
    wanted = [
        (one.row, index, one.place + start + step * index) for one in functions for index in range(count)
    ]
    fields = Fields(kernel, _RESOURCE, _FIELDS, ("start", "end", "flags"))
    rows = survey.rows(fields, [place for *_, place in wanted], "ranges of PCI functions")
    for (function, index, place), row in zip(wanted, rows, strict=True):
        first, last, flags = row["start"], row["end"], row["flags"]
        if first is None or last is None or not flags or not flags & (_IO | _MEMORY):
            continue
        yield PciRegion(
            pci_address=function.pci_address,
            region_index=index,
            region_use=_use(index, numbers, device=function.pci_type == "device"),
            region_kind=_kind(flags),
            first_address=first,
            last_address=last,
            region_bytes=max(0, last - first + 1),
            claimed=None if row["parent"] is None else bool(row["parent"]),
            unassigned=bool(flags & _UNSET),
            region_struct=place,
        )


def _use(index: int, numbers: Mapping[str, int], *, device: bool) -> str:
    """What the range is for."""
    rom = numbers[_ROM]
    if index <= rom:
        return "ROM" if index == rom else f"BAR {index}"
    if index < numbers.get(_WINDOWS, rom + 1):
        return "SR-IOV"
    return "other" if device else "window"


def _kind(flags: int) -> str:
    words = ["memory" if flags & _MEMORY else "ports"]
    words += ["64-bit"] * bool(flags & _WIDE) + ["prefetchable"] * bool(flags & _PREFETCH)
    return ", ".join(words)
