"""``kmem -f``, ``-F``: the free pages by node, zone and order.

Source in crash: ``dump_free_pages()``, ``dump_free_pages_zones_v1()``, ``_v2()``, ``dump_zone_free_area()``
(memory.c).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import mark_unknown, say_empty
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, KILOBYTES, SIGNED, Column
from crashdrive.parsers.kmem.lists import PageCount
from crashdrive.parsers.kmem.nodes import ZONE_NAME
from crashdrive.records import Address, Record


class FreeArea(Record, frozen=True):
    """A list of free blocks of one order: bytes of a block, the list's address, how many blocks and pages.

    ``blocks`` and ``pages`` are None where crash lists the blocks themselves (``kmem -F``, or an address was
    looked for): then ``addresses`` holds the address of each block's first struct page. ``position``: which
    page of the block (from 1) the address is in.
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


class _Node(NamedTuple):
    """The number of the node of the zones below."""

    number: int


class _Block(NamedTuple):
    """A free block's first page; ``position``: which page of the block was looked for."""

    page: int
    position: int | None


def free() -> g.ParserElement:
    """Zones with their areas, which have their blocks with ``-F``; then the count of all free pages::

    NODE
      0
    ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR
      0   DMA         4095    3808  fffff19740000040      1000          0
    AREA    SIZE  FREE_AREA_STRUCT  BLOCKS  PAGES
      0       4k  ffff8c3b1e90d100       0      0

    nr_free_pages: 95689  (verified)
    """
    total = g.Row(
        r"nr_free_pages: (-?\d{1,20}+) ++\((?:(verified)|found (-?\d{1,20}+))\)",
        _total,
        "the count of free pages: nr_free_pages: PAGES",
    )
    between = g.noise(g.Remark(r" *+-{20,200}+"))
    areas = _areas()
    item = (_node() | _zone(areas) | _bare(areas) | total).set_name("a zone and its free areas")
    return g.made(g.Many(item, between=between, least=0), lambda _text, _place, found: _in_nodes(found))


def free_zones() -> g.ParserElement:
    """Zones without the count, up to the first other line."""
    areas = _areas()
    item = _node() | _zone(areas) | _bare(areas)
    return g.made(
        item + g.Many(item, until=g.Anything(), least=0), lambda _text, _place, found: _in_nodes(found)
    )


def _node() -> g.ParserElement:
    number = g.Row(r" *+(\d{1,6}+)", lambda row: _Node(int(row[1])), "the number of a node")
    return g.Suppress(g.Titles("NODE")) + number


def _zone(areas: g.ParserElement) -> g.ParserElement:
    return g.entries(
        dict,
        Column("ZONE", "zone", DECIMAL),
        Column("NAME", "name", ZONE_NAME),
        Column("SIZE", "size_pages", SIGNED),
        Column("FREE", "free_pages", SIGNED),
        Column("MEM_MAP", "mem_map", HEX),
        Column("START_PADDR", "start_paddr", HEX),
        Column("START_MAPNR", "start_mapnr", SIGNED),
        required=("ZONE", "NAME", "SIZE", "FREE", "MEM_MAP", "START_PADDR", "START_MAPNR"),
        what="zones",
        below=g.Gap() + g.Many(areas, until=g.Anything(), least=0),
        join=lambda _text, _place, zone, areas: FreeZone(areas=tuple(areas), **zone),
    )


def _bare(areas: g.ParserElement) -> g.ParserElement:
    more = g.Many(areas, until=g.Anything(), least=0)
    return g.made(areas + more, lambda _text, _place, found: FreeZone(areas=tuple(found)))


def _areas() -> g.ParserElement:
    block = g.Row(
        r"([0-9a-f]{8,16}+)"
        r"(?: *+\([0-9a-f]{1,16}+ is (?:in )?(\d{1,9}+)(?:st|nd|rd|th) of \d{1,9}+ pages\))?",
        lambda row: _Block(int(row[1], 16), int(row[2]) if row[2] else None),
        "a free block's page",
    )
    return g.entries(
        FreeArea,
        Column("AREA", "area", DECIMAL),
        Column("SIZE", "size", KILOBYTES),
        Column("FREE_AREA_STRUCT", "free_area_struct", HEX),
        Column("BLOCKS", "blocks", SIGNED),
        Column("PAGES", "pages", SIGNED),
        what="free areas",
        below=g.Rows(block, least=0, between=g.noise(), until=g.Anything()),
        join=_with_blocks,
        bare=True,
    )


def _with_blocks(_text: g.Text, _place: int, area: FreeArea, blocks: list[_Block]) -> FreeArea:
    if not blocks:
        return area
    position = next((block.position for block in reversed(blocks) if block.position), None)
    return replace(area, addresses=tuple(block.page for block in blocks), position=position)


def _total(row: re.Match[str]) -> PageCount:
    found = int(row[1] if row[2] else row[3])
    return PageCount(name="nr_free_pages", pages=int(row[1]), found=found)


def _in_nodes(found: list[Any]) -> list[Any]:
    """The zones with the node that stands above them."""
    node: int | None = None
    zones: list[Any] = []
    for one in found:
        if isinstance(one, _Node):
            node = one.number
        else:
            zones.append(replace(one, node=node) if isinstance(one, FreeZone) and one.name else one)
    return zones


def check_free(source: Source, found: list[FreeZone | PageCount]) -> list[FreeZone | PageCount]:
    """The zones, then the count of all free pages, compared with those found.

    With an address: the zone and the area that hold it, or none.
    """
    zones = [one for one in found if isinstance(one, FreeZone)]
    if not found and not (source.lenient and source.warnings):
        if source.warnings or not source.command.arguments:
            source.fail(0, "no free pages")
        say_empty(source, "no free page at this address")
    _compare(source, zones, [one for one in found if isinstance(one, PageCount)])
    mark_unknown(source, (zone.name for zone in zones))
    return found


def _compare(source: Source, zones: list[FreeZone], totals: list[PageCount]) -> None:
    """Mark an answer whose areas have another number of pages than crash counted."""
    if len(totals) > 1:
        source.fail(0, "more than one count of free pages")
    listed = sum(
        (area.size // _page_size(zones)) * len(area.addresses) if area.pages is None else area.pages
        for zone in zones
        for area in zone.areas
    )
    if totals and zones and listed != totals[0].found:
        message = f"crash found {totals[0].found} free pages, {listed} are listed"
        source.note("partial", message, incomplete=True)


def _page_size(zones: list[FreeZone]) -> int:
    """Bytes of a page, by the areas: a block of order n has 2**n pages."""
    return next(area.size >> area.area for zone in zones for area in zone.areas) or 1
