"""``mach -m``, ``-c``, ``-o``: memory as firmware describes it, each CPU's structures, firmware's messages.

Source in crash: ``x86_64_display_memmap()``, ``display_hw_memory()`` (ia64.c, sparc64.c),
``x86_64_display_cpu_data()`` and their like of each architecture, ``opalmsg`` (ppc64.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.structures import Structure, structure
from crashdrive.records import Address, Record


class MemoryRange(Record, frozen=True, kw_only=True):
    """A range of physical memory, ``end`` behind its last byte, and what firmware said it is.

    ``type`` is the resource's name on sparc64. Only ia64 has ``attributes`` (``WB``, ``RUNTIME``),
    ``available`` (whether it is memory that the kernel uses) and ``region`` (``R6``, ``R7``: where the
    firmware wants it mapped).
    """

    start: Address
    end: Address
    type: str
    attributes: tuple[str, ...] | None = None
    available: bool | None = None
    region: str | None = None


class CpuData(Record, frozen=True, kw_only=True):
    """A CPU's structures (``cpuinfo_x86``); ``cpu`` None: crash's BOOT CPU, or Alpha's HWRPB.

    ``boot``: crash knows only the structure of the CPU that booted (ia64).
    """

    cpu: int | None
    offline: bool = False
    boot: bool = False
    structures: tuple[Structure, ...] = ()


class FirmwareMessage(Record, frozen=True, kw_only=True):
    """A line of the OPAL firmware's console; ``timestamp`` in seconds."""

    timestamp: float
    level: int
    text: str


def ranges() -> g.ParserElement:
    """Ranges of the E820 map (x86), of the kernel's resources (sparc64), or of the EFI memory map (ia64)::

          PHYSICAL ADDRESS RANGE         TYPE
    0000000000000000 - 000000000009fc00  E820_RAM
    0000000000400000 - 00000001ffffffff  System RAM

          PHYSICAL ADDRESS RANGE         TYPE / ATTRIBUTE / [ACCESS]
    0000000000000000 - 0000000000001000  BOOT_SERVICES_DATA UC|WB [available][R7]
    00000000fed00000 - 00000000fee00000  MEMORY_MAPPED_IO UC [R6]
    """
    digits = "[0-9a-f]{16}"
    what = "a range of memory: START - END TYPE"
    e820 = g.Row(
        r"(?P<start>[0-9a-f]{8,16}) - (?P<end>[0-9a-f]{8,17})  "
        r"(?P<type>E820_[A-Z0-9_]{1,30}|type -?\d{1,10}|\(invalid type\))",
        _range,
        what,
    )
    resource = g.Row(
        rf"(?P<start>{digits}) - (?P<end>{digits})  (?=[^\n]{{32}}(?:\n|\Z))(?P<type>\S[^\n]{{0,31}}?)",
        _resource,
        what,
    )
    efi = g.Row(
        rf"(?P<start>{digits}) - (?P<end>{digits})  (?P<type>[A-Z_]{{1,30}}|\(unknown type\)) "
        r"(?P<attributes>[A-Z|]{0,40}) (?P<available>\[available\])?(?:\[(?P<region>R[67])\])?",
        _efi_range,
        "a range of memory: START - END TYPE ATTRIBUTES ACCESS",
    )
    title = ("PHYSICAL", "ADDRESS", "RANGE", "TYPE")
    resources = g.Gap() + g.FollowedBy(resource) + g.Rows(resource)
    plain = g.Titles(*title) + (resources | g.Rows(e820))
    return g.Gap() + (plain | g.Titles(*title, "/", "ATTRIBUTE", "/", "[ACCESS]") + g.Rows(efi))


def _range(row: re.Match[str]) -> MemoryRange:
    return MemoryRange(start=int(row["start"], 16), end=int(row["end"], 16), type=row["type"])


def _resource(row: re.Match[str]) -> MemoryRange:
    """A range of sparc64: the END of a resource is its last byte."""
    return MemoryRange(start=int(row["start"], 16), end=int(row["end"], 16) + 1, type=row["type"])


def _efi_range(row: re.Match[str]) -> MemoryRange:
    return MemoryRange(
        start=int(row["start"], 16),
        end=int(row["end"], 16),
        type=row["type"],
        attributes=tuple(row["attributes"].split("|")) if row["attributes"] else (),
        available=row["available"] is not None,
        region=row["region"],
    )


def cpus() -> g.ParserElement:
    """Each CPU with its structures below it. A line without a number is that of the boot CPU, or of Alpha's
    HWRPB::

    CPU 0:
    struct cpuinfo_x86 {
      x86 = 15
    }
    CPU 1: [OFFLINE]
    """
    cpu = g.Row(
        r"(?:CPU (?P<cpu>\d{1,6})|BOOT CPU|HWRPB):(?: (?P<mark>\[OFFLINE\]|\(boot\)))?",
        lambda found: found,
        "a CPU",
    )
    return g.Blocks(cpu, structure(), make=_cpu)


def _cpu(text: g.Text, place: int, head: re.Match[str], structures: list[Any]) -> tuple[int, CpuData]:
    offline = head["mark"] == "[OFFLINE]"
    if not structures and not offline:
        text.misfit(place, "a CPU without its structure")
    cpu = int(head["cpu"]) if head["cpu"] else None
    boot = head["mark"] == "(boot)"
    return place, CpuData(cpu=cpu, offline=offline, boot=boot, structures=tuple(structures))


def check_cpus(source: Source, found: list[tuple[int, CpuData]]) -> list[CpuData]:
    """The CPUs; a second one of a number is an error."""
    known: set[int | None] = set()
    for place, data in found:
        if data.cpu in known:
            source.fail(place, "a CPU that stands twice")
        known.add(data.cpu)
    return demand_records(source, [data for _, data in found], "no CPU")


def messages() -> g.ParserElement:
    """``[   65.219056911,5] SkiBoot``: seconds, level, text."""
    head = r"\[ {0,12}+\d{1,12}\.\d{1,9},\d{1,2}\] "
    text = rf"[^\n\[]*+(?:(?!{head})\[[^\n\[]*+)*+"
    return g.Rows(
        g.Row(
            rf"\[ *+(\d{{1,12}}\.\d{{1,9}}),(\d{{1,2}})\] ({text})",
            lambda row: FirmwareMessage(timestamp=float(row[1]), level=int(row[2]), text=row[3]),
            "a message of the firmware: [SECONDS,LEVEL] TEXT",
        )
    )
