"""Firmware's names of the machine, as below /sys/class/dmi/id: ``dmi_ident`` (dmi_scan.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import enumerators
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_LONGEST = 256
# serial numbers and asset tags identify one machine, and are left out
_PRIVATE = ("serial", "asset", "uuid")


class DmiName(Record, frozen=True):
    """One of firmware's names of the machine: ``sys_vendor``, ``product_name``, ``bios_version``..."""

    name: str
    value: str


def dmi(survey: Survey) -> Iterator[DmiName]:
    """Names that firmware has; none where the machine has no DMI."""
    kernel = survey.kernel
    if not kernel.symbols.has("dmi_ident"):
        survey.absent("DMI")
        return
    numbers = enumerators(survey, "DMI_SYS_VENDOR")
    end = numbers.get("DMI_STRING_MAX", len(numbers))
    start, step = kernel.symbols.address("dmi_ident"), kernel.pointer_size
    for name, number in sorted(numbers.items(), key=lambda pair: pair[1]):
        plain = name.removeprefix("DMI_").lower()
        if number >= end or any(word in plain for word in _PRIVATE):
            continue
        if text := kernel.read_pointer(start + step * number):
            value = kernel.read_string(text, _LONGEST).decode("utf-8", "backslashreplace").strip()
            if value:
                yield DmiName(name=plain, value=value)
