"""``kmem -i``: how memory is used. Source in crash: ``dump_kmeminfo()``, ``dump_zone_page_usage()``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, GAP, WORD, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.records import Record


class MemoryUse(Record, frozen=True):
    """A line of ``kmem -i``.

    ``total`` is ``pages`` in bytes, exactly. crash's own figure is rounded to a tenth of its unit, but tells
    the page size; ``total`` is None where no row tells that. ``percentage``: of the line that
    ``percentage_of`` names, cut to an integer by crash; both are None for the totals themselves.
    """

    name: str
    pages: int
    total: int | None
    percentage: int | None = None
    percentage_of: str | None = None


class ZoneUse(Record, frozen=True):
    """How a zone is used (kernels 2.4 only)."""

    zone: int
    name: str
    free_pages: int
    active_pages: int
    inactive_dirty_pages: int
    inactive_clean_pages: int
    pages_min: int
    pages_low: int
    pages_high: int
    node: int | None = None


class _Row(NamedTuple):
    place: int
    use: MemoryUse
    rounded: str


_NAMES = (
    "TOTAL (?:MEM|HIGH|LOW|HUGE|SWAP)|FREE HIGH|FREE LOW|FREE|USED|SHARED|BUFFERS|CACHED|SLAB|HUGE FREE"
    "|SWAP USED|SWAP FREE|COMMIT LIMIT|COMMITTED"
)
_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_PAGE_SIZES = tuple(1 << shift for shift in range(12, 19))  # 4 KiB to 256 KiB: Linux has no others
_NONE = 0  # in place of a page size: no size fits


def info() -> g.ParserElement:
    """Groups of rows with blank lines between; below them, on kernels 2.4, zones::

                 PAGES        TOTAL      PERCENTAGE
    TOTAL MEM   120260     469.8 MB         ----
         FREE    89008     347.7 MB   74% of TOTAL MEM

    ZONE  NAME        FREE   ACTIVE  INACTIVE_DIRTY  INACTIVE_CLEAN  MIN/LOW/HIGH
      0   DMA          1063      352             512               0  128/256/384
    """
    row = g.Row(
        rf" *+({_NAMES}){GAP}(-?\d{{1,20}}+){GAP}(0|\d{{1,20}}+(?:\.\d)? [KMG]B){GAP}"
        r"(?:-{4}|(-?\d{1,20}+)% of (TOTAL (?:MEM|HIGH|LOW|HUGE|SWAP|LIMIT)))",
        _use,
        "a row of kmem -i: NAME PAGES TOTAL PERCENTAGE",
    )
    node = g.Titles("NODE")
    zones = _zones(until=node)
    below = node | g.Terminal(r" *+ZONE ++NAME ", "the header of zones")
    uses = g.made(g.Titles("PAGES", "TOTAL", "PERCENTAGE") + g.Rows(row, until=below), _in_bytes)
    number = g.Row(r" *+(\d{1,9}+)", lambda found: int(found[1]), "the number of a node")
    of_node = g.made(g.Opt(node + number) + g.Gap() + zones, _with_node)
    return g.Gap() + uses + g.Gap() + g.Many(of_node, least=0)


def _zones(until: g.ParserElement) -> g.ParserElement:
    return g.table(
        ZoneUse,
        Column("ZONE", "zone", DECIMAL),
        Column("NAME", "name", WORD),
        Column("FREE", "free_pages", DECIMAL),
        Column("ACTIVE", "active_pages", DECIMAL),
        Column("INACTIVE_DIRTY", "inactive_dirty_pages", DECIMAL),
        Column("INACTIVE_CLEAN", "inactive_clean_pages", DECIMAL),
        Column("MIN/LOW/HIGH", "marks", Cell(r"\d{1,20}+/\d{1,20}+/\d{1,20}+")),
        derived=(Derived(("pages_min", "pages_low", "pages_high"), of=("marks",), by=_marks),),
        required=("ZONE", "NAME", "FREE", "ACTIVE", "INACTIVE_DIRTY", "INACTIVE_CLEAN", "MIN/LOW/HIGH"),
        what="zones",
        until=until,
    )


def _marks(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("/")))


def _with_node(_text: g.Text, _place: int, values: list[Any]) -> list[ZoneUse]:
    node = values[0] if isinstance(values[0], int) else None
    return [replace(zone, node=node) for zone in values if isinstance(zone, ZoneUse)]


def _use(row: re.Match[str]) -> _Row:
    use = MemoryUse(
        name=row[1],
        pages=int(row[2]),
        total=None,
        percentage=int(row[4]) if row[4] else None,
        percentage_of=row[5],
    )
    return _Row(row.start(), use, row[3])


def _in_bytes(text: g.Text, _place: int, rows: list[_Row]) -> list[MemoryUse]:
    """The rows with their sizes in bytes. A name that stands twice, and a size that isn't that of the pages,
    are refused.
    """
    uses: dict[str, MemoryUse] = {}
    known: int | None = None
    for place, use, rounded in rows:
        page = _page_size(use.pages, rounded)
        if use.name in uses:
            text.misfit(place, f"{use.name} a second time")
        elif page == _NONE or (page and known and page != known):
            text.misfit(place, f"{rounded} is not the size of {use.pages} pages")
        else:
            known = known or page
            uses[use.name] = use
    return [replace(use, total=use.pages * known if known else None) for use in uses.values()]


def _page_size(pages: int, rounded: str) -> int | None:
    """The page size for which ``pages`` pages have that size, as pages_to_size() rounds it.

    None where a row doesn't tell: it has no pages, or a negative number (counters that were read while they
    changed), for which crash prints an absurd size. `_NONE` where no page size fits.
    """
    amount, _, unit = rounded.partition(" ")
    if pages < 0 or (not pages and not unit):
        return None
    size, slack = Decimal(amount) * _UNITS.get(unit, 1), Decimal(_UNITS.get(unit, 1)) / 20
    return next((page for page in _PAGE_SIZES if abs(pages * page - size) <= slack), _NONE)


def check_info(source: Source, found: list[MemoryUse | ZoneUse]) -> list[MemoryUse | ZoneUse]:
    """The rows; marked where the lines about swap are missing. crash prints them, or says why not; crash 9
    may just stop.
    """
    names = [use.name for use in found if isinstance(use, MemoryUse)]
    if source.complete and not any(name.endswith((" SWAP", "SWAP FREE")) for name in names):
        source.note("partial", "the lines about swap are missing", incomplete=True)
    return found
