"""``kmem -f``, ``-F``: the free pages by node, zone and order.

Source in crash: ``dump_free_pages()``, ``dump_free_pages_zones_v1()``, ``_v2()``, ``dump_zone_free_area()``
(memory.c).
"""

from __future__ import annotations

import re

from msgspec.structs import asdict, replace

from crashdrive.parsers._kmem_pages import PageCount
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import (
    DECIMAL,
    HEX,
    KILOBYTES,
    SIGNED,
    Cell,
    Column,
    Layout,
    Table,
)
from crashdrive.parsers.grammar.cursor import Cursor, mark_unknown, say_empty
from crashdrive.records import Address, Record


class FreeArea(Record, frozen=True):
    """A list of free blocks of one order: bytes of a block, the list's address, how many blocks and pages.

    ``blocks`` and ``pages`` are None where the blocks themselves are listed (``kmem -F``, or an address was
    looked for): then ``addresses`` holds the struct page of each. ``position`` is the page of the block (from
    1) that an address was found in.
    """

    area: int
    size: int
    free_area_struct: Address
    blocks: int | None = None
    pages: int | None = None
    addresses: tuple[Address, ...] = ()
    position: int | None = None


class FreeZone(Record, frozen=True):
    """A zone and its free areas; all but ``areas`` is None where the kernel has no zones.

    ``size_pages``: pages in it, ``free_pages``: free ones as the zone itself counts them.
    """

    areas: tuple[FreeArea, ...]
    zone: int | None = None
    name: str | None = None
    size_pages: int | None = None
    free_pages: int | None = None
    mem_map: Address | None = None
    start_paddr: Address | None = None
    start_mapnr: int | None = None
    node: int | None = None


class _ZoneRow(Record, frozen=True):
    zone: int
    name: str
    size_pages: int
    free_pages: int
    mem_map: Address
    start_paddr: Address
    start_mapnr: int


# The name may be "(unknown)".
ZONE_NAME = Cell(r"\S{1,64}")
ZONES = Table(
    _ZoneRow,
    Column("ZONE", "zone", DECIMAL),
    Column("NAME", "name", ZONE_NAME),
    Column("SIZE", "size_pages", SIGNED),
    Column("FREE", "free_pages", SIGNED),
    Column("MEM_MAP", "mem_map", HEX),
    Column("START_PADDR", "start_paddr", HEX),
    Column("START_MAPNR", "start_mapnr", SIGNED),
)
_AREAS = Table(
    FreeArea,
    Column("AREA", "area", DECIMAL),
    Column("SIZE", "size", KILOBYTES),
    Column("FREE_AREA_STRUCT", "free_area_struct", HEX),
    Column("BLOCKS", "blocks", SIGNED),
    Column("PAGES", "pages", SIGNED),
)
_BLOCK = re.compile(
    r"([0-9a-f]{8,16}) *+(?:\([0-9a-f]{1,16} is (?:in )?(\d{1,9})(?:st|nd|rd|th) of \d{1,9} pages\) *)?"
)
_NODE_NUMBER = re.compile(r" *\d{1,6} *")
_RULE = re.compile(r" *-{20,200} *")
_TOTAL = re.compile(r"nr_free_pages: (-?\d{1,20}) +\((?:(verified)|found (-?\d{1,20}))\) *")


class FreeReader:
    """Reads zones and areas off a cursor, for ``kmem -f`` and for the report on an address."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.node: int | None = None
        self.zone: _ZoneRow | None = None
        self.areas: list[FreeArea] = []
        self.zones: list[FreeZone] = []
        self.total: PageCount | None = None
        self.layout: Layout[FreeArea] | None = None

    def part(self) -> bool:
        """Read one line, or an area with its blocks; False for anything else."""
        cursor = self.cursor
        line = cursor.line or ""
        if line.strip(" ") == "NODE":
            self._node()
        elif ZONES.heads(line):
            self._zone()
        elif _AREAS.heads(line):
            self.layout = _AREAS.header(cursor.source, *cursor.take())
        elif self.layout and (row := self.layout.match(line)):
            cursor.advance()
            self._area(row)
        elif found := cursor.match(_TOTAL):
            found_pages = int(found[1] if found[2] else found[3])
            self.total = PageCount(name="nr_free_pages", pages=int(found[1]), found=found_pages)
        else:
            return cursor.match(_RULE) is not None
        return True

    def finish(self) -> list[FreeZone]:
        """All zones that were read."""
        self._close()
        return self.zones

    def _close(self) -> None:
        if self.zone is not None:
            self.zones.append(FreeZone(node=self.node, areas=tuple(self.areas), **asdict(self.zone)))
        elif self.areas:
            self.zones.append(FreeZone(areas=tuple(self.areas)))
        self.zone, self.areas, self.layout = None, [], None

    def _node(self) -> None:
        self._close()
        cursor = self.cursor
        cursor.advance()
        found = cursor.match(_NODE_NUMBER) or cursor.source.fail(cursor.offset, "no node number")
        self.node = int(found[0])

    def _zone(self) -> None:
        self._close()
        cursor = self.cursor
        layout = ZONES.header(cursor.source, *cursor.take())
        offset, line = cursor.take()
        self.zone = layout.match(line) or cursor.source.fail(offset, layout.reason)

    def _area(self, row: FreeArea) -> None:
        addresses: list[int] = []
        position: int | None = None
        while found := self.cursor.match(_BLOCK):
            addresses.append(int(found[1], 16))
            position = int(found[2]) if found[2] else position
        self.areas.append(replace(row, addresses=tuple(addresses), position=position))


def parse_free(source: Source) -> list[FreeZone | PageCount]:
    """``kmem -f``, ``-F``: the zones, then the count of all free pages, compared with those found.

    With an address: the zone and the area that hold it, or nothing.
    """
    cursor = Cursor(source)
    reader = FreeReader(cursor)
    while cursor.skip_blank():
        if cursor.attempt(reader.part) is False:
            cursor.skip_or_reject("no line of the free pages")
    zones = reader.finish()
    if not zones and reader.total is None and not (source.lenient and source.warnings):
        if source.warnings or not source.command.arguments:
            source.fail(0, "no free pages")
        say_empty(source, "no free page at this address")
    _compare(source, zones, reader.total)
    mark_unknown(source, (zone.name for zone in zones))
    return [*zones, reader.total] if reader.total else list(zones)


def _compare(source: Source, zones: list[FreeZone], total: PageCount | None) -> None:
    """Mark an answer with other areas than those that crash counted."""
    listed = sum(
        (area.size // _page_size(zones)) * len(area.addresses) if area.pages is None else area.pages
        for zone in zones
        for area in zone.areas
    )
    if total is not None and zones and listed != total.found:
        message = f"crash found {total.found} free pages, {listed} are listed"
        source.note("partial", message, incomplete=True)


def _page_size(zones: list[FreeZone]) -> int:
    """Bytes of a page, as the areas tell: a block of order n has 2**n of them."""
    return next(area.size >> area.area for zone in zones for area in zone.areas) or 1
