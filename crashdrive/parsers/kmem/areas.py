"""``kmem -v``: the kernel's mapped memory. Source in crash: ``dump_vmlist()``, ``dump_vmap_area()``."""

from __future__ import annotations

from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import rows_or_hole, say_empty
from crashdrive.parsers.grammar.columns import HEX, SIGNED, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.records import Address, Record


class VmapArea(Record, frozen=True):
    """An area of the kernel's mapped memory, from ``start`` to before ``end``, ``size`` in bytes."""

    vm_struct: Address
    start: Address
    end: Address
    size: int
    vmap_area: Address | None = None


def area_table(**more: Any) -> g.ParserElement:
    """A table of areas, without its first column before Linux 2.6.28. ``more``: arguments of `table`::

       VMAP_AREA         VM_STRUCT                 ADDRESS RANGE                SIZE
    ffff8c3b012c8340  ffff8c3b012b9280  ffffb0a080000000 - ffffb0a080002000     8192
    """
    return g.table(
        VmapArea,
        Column("VMAP_AREA", "vmap_area", HEX),
        Column("VM_STRUCT", "vm_struct", HEX),
        Column("ADDRESS RANGE", "range", Cell(r"[0-9a-f]{1,16}+ {0,16}+- {0,16}+[0-9a-f]{1,16}+")),
        Column("SIZE", "size", SIGNED),
        derived=(Derived(("start", "end"), of=("range",), by=_range),),
        required=("VM_STRUCT", "ADDRESS RANGE", "SIZE"),
        what="mapped areas",
        **more,
    )


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high, 16)


def areas() -> g.ParserElement:
    """A table of areas; empty for an address in none."""
    return g.Opt(area_table(between=g.noise(blank=False), until=g.Blank(), least=0))


def check_areas(source: Source, found: list[VmapArea]) -> list[VmapArea]:
    """The areas. Marked where an area's size isn't END - START, and where nothing was printed."""
    if not source.text.strip():
        if not source.command.arguments:
            source.fail(0, "no table of mapped areas")
        say_empty(source, "no such area")
        return found
    wrong = [area for area in found if area.end - area.start != area.size]
    if wrong:
        message = f"the area at {wrong[0].start:x} isn't as long as crash says"
        source.note("doubtful", message, incomplete=True)
    return rows_or_hole(source, found)
