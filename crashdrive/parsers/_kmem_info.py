"""``kmem -i``: how memory is used."""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec.structs import replace

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, GAP, WORD, Cell, Column, Table
from crashdrive.parsers.grammar.cursor import Cursor, read_table
from crashdrive.records import Record


class MemoryUse(Record, frozen=True):
    """A line of ``kmem -i``.

    ``total`` is ``pages`` in bytes, exactly: what crash prints is rounded to a tenth of its unit, and tells
    the size of a page; None where no row of the table tells it. ``percentage`` is cut to an integer by crash,
    of the line that ``percentage_of`` names; both None for the totals themselves.
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


class _ZoneRow(Record, frozen=True):
    zone: int
    name: str
    free_pages: int
    active_pages: int
    inactive_dirty_pages: int
    inactive_clean_pages: int
    marks: tuple[int, ...]


_TITLES = re.compile(r" *+PAGES +TOTAL +PERCENTAGE *+")
_NAMES = (
    "TOTAL (?:MEM|HIGH|LOW|HUGE|SWAP)|FREE HIGH|FREE LOW|FREE|USED|SHARED|BUFFERS|CACHED|SLAB|HUGE FREE"
    "|SWAP USED|SWAP FREE|COMMIT LIMIT|COMMITTED"
)
_USE = re.compile(
    rf" *+({_NAMES}){GAP}(-?\d{{1,20}}){GAP}(0|\d{{1,20}}(?:\.\d)? [KMG]B){GAP}"
    r"(?:-{4}|(-?\d{1,20})% of (TOTAL (?:MEM|HIGH|LOW|HUGE|SWAP|LIMIT))) *+"
)
_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_PAGE_SIZES = tuple(1 << shift for shift in range(12, 19))  # 4 KiB to 256 KiB: all that Linux has
_NONE = 0  # no size of a page


def _marks(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("/")))


_ZONES = Table(
    _ZoneRow,
    Column("ZONE", "zone", DECIMAL),
    Column("NAME", "name", WORD),
    Column("FREE", "free_pages", DECIMAL),
    Column("ACTIVE", "active_pages", DECIMAL),
    Column("INACTIVE_DIRTY", "inactive_dirty_pages", DECIMAL),
    Column("INACTIVE_CLEAN", "inactive_clean_pages", DECIMAL),
    Column("MIN/LOW/HIGH", "marks", Cell(r"\d+/\d+/\d+", _marks)),
)


class _Uses:
    """The rows of a table and the size of a page, which it doesn't print."""

    def __init__(self) -> None:
        self.rows: list[MemoryUse] = []
        self.page: int | None = None

    def add(self, cursor: Cursor, found: re.Match[str]) -> None:
        """Take a row, unless its name was there before or its size isn't that of its pages."""
        use = _use(found)
        page = _page_size(use.pages, found[3])
        if any(use.name == other.name for other in self.rows):
            cursor.source.reject(cursor.offset, f"{use.name} a second time")
        elif page == _NONE or (page and self.page and page != self.page):
            cursor.source.reject(cursor.offset, f"{found[3]} is not the size of {use.pages} pages")
        else:
            self.page = self.page or page
            self.rows.append(use)
        cursor.advance()

    def in_bytes(self) -> list[MemoryUse]:
        """The rows with their sizes in bytes."""
        return [replace(use, total=use.pages * self.page if self.page else None) for use in self.rows]


def _page_size(pages: int, rounded: str) -> int | None:
    """The size of a page with which so many are that size as pages_to_size() rounds it.

    None where a row doesn't tell: without pages, or with a negative number of them (counters that were read
    while they changed), whose size crash prints as an absurd one.
    """
    amount, _, unit = rounded.partition(" ")
    if pages < 0 or (not pages and not unit):
        return None
    size, slack = Decimal(amount) * _UNITS.get(unit, 1), Decimal(_UNITS.get(unit, 1)) / 20
    return next((page for page in _PAGE_SIZES if abs(pages * page - size) <= slack), _NONE)


def parse_info(source: Source) -> list[MemoryUse | ZoneUse]:
    """``kmem -i``: the lines of the table, then a table of zones where the kernel is that old."""
    cursor = Cursor(source)
    cursor.skip_blank()
    offset, line = cursor.take()
    if not _TITLES.fullmatch(line):
        source.fail(offset, "no header PAGES TOTAL PERCENTAGE")
    uses = _Uses()
    zones: list[ZoneUse] = []
    node: int | None = None
    while cursor.skip_blank():
        line = cursor.line or ""
        if found := _USE.fullmatch(line) if len(line) < 256 else None:
            uses.add(cursor, found)
        elif _ZONES.heads(line):
            zones += [_zone(row, node) for row in read_table(cursor, _ZONES)]
        elif line.strip(" ") == "NODE":
            node = _node(cursor)
        else:
            cursor.skip_or_reject("no line of kmem -i")
    if not uses.rows:
        source.fail(0, "a table without rows")
    if source.complete and not any(use.name.endswith((" SWAP", "SWAP FREE")) for use in uses.rows):
        # Every crash prints them, or says why not; from crash 9 on it may stop without a word.
        source.note("partial", "the lines about swap are missing", incomplete=True)
    return [*uses.in_bytes(), *zones]


def _node(cursor: Cursor) -> int:
    cursor.advance()
    offset, line = cursor.take()
    if not re.fullmatch(r" *\d{1,9} *", line):
        cursor.source.fail(offset, "no node number")
    return int(line)


def _zone(row: _ZoneRow, node: int | None) -> ZoneUse:
    low, middle, high = row.marks
    return ZoneUse(
        zone=row.zone,
        name=row.name,
        free_pages=row.free_pages,
        active_pages=row.active_pages,
        inactive_dirty_pages=row.inactive_dirty_pages,
        inactive_clean_pages=row.inactive_clean_pages,
        pages_min=low,
        pages_low=middle,
        pages_high=high,
        node=node,
    )


def _use(found: re.Match[str]) -> MemoryUse:
    return MemoryUse(
        name=found[1],
        pages=int(found[2]),
        total=None,
        percentage=int(found[4]) if found[4] else None,
        percentage_of=found[5],
    )
