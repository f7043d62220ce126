"""``kmem ADDRESS``: all that crash knows of an address.

Source in crash: ``kmem_search()`` (memory.c), ``show_symbol()`` (symbols.c), ``show_context()`` (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers._kmem_free import FreeReader, FreeZone
from crashdrive.parsers._kmem_pages import (
    AREAS,
    PAGES,
    Page,
    PageList,
    VmapArea,
    area_of,
    read_page,
)
from crashdrive.parsers._kmem_slab import CACHES, SlabCacheContents, read_contents
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import GAP
from crashdrive.parsers.grammar.cursor import Cursor, read_table
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.parsers.set import Context
from crashdrive.parsers.sym import Symbol
from crashdrive.records import Record


class AddressReport(Record, frozen=True):
    """What an address belongs to; None or empty is what it doesn't.

    ``not_found``: the kind of address (``physical``, ``kernel virtual``) where crash finds no page for it.
    """

    symbol: Symbol | None = None
    task: Context | None = None
    area: VmapArea | None = None
    caches: tuple[SlabCacheContents, ...] = ()
    free: tuple[FreeZone, ...] = ()
    page_cache: PageList | None = None
    page: Page | None = None
    not_found: str | None = None


_SYMBOL = re.compile(r"[0-9a-f]{8,16} \(.\) .*", re.DOTALL)
_PID = re.compile(r" *PID: \d{1,10}")
_NOT_FOUND = re.compile(rf"[0-9a-f]{{1,16}}: (\S[\w ]{{0,60}}?){GAP}address not found in mem map *")


def parse_report(source: Source) -> list[AddressReport]:
    """``kmem ADDRESS...``: a report for each address; its page, found or not, ends it."""
    cursor = Cursor(source)
    reports: list[AddressReport] = []
    parts: dict[str, Any] = {}
    while cursor.skip_blank():
        parts |= cursor.attempt(lambda: _part(cursor)) or {}
        if "page" in parts or "not_found" in parts:
            reports.append(AddressReport(**parts))
            parts = {}
    if parts:
        source.note("partial", "the report on an address lacks its page", incomplete=True)
        reports.append(AddressReport(**parts))
    return demand_records(source, reports, "no report on an address")


def _part(cursor: Cursor) -> dict[str, Any]:
    """The part of a report that begins at the cursor, by the name of its field."""
    line = cursor.line or ""
    if found := cursor.match(_NOT_FOUND):
        return {"not_found": found[1]}
    for begins, read in _READERS:
        if begins(line):
            return read(cursor)
    return _lists(cursor)


def _inner(cursor: Cursor, command: str, lines: int) -> Any:
    """The one record of some lines that look as another command prints them."""
    offset = cursor.offset
    taken = [cursor.take()[1] for _ in range(lines)]
    try:
        return parse(command, "\n".join(taken) + "\n").one()
    except (ParseError, ValueError):
        cursor.source.fail(offset, f"not as {command} prints it")


def _areas(cursor: Cursor) -> dict[str, Any]:
    areas = [area_of(row) for row in read_table(cursor, AREAS)]
    return {"area": areas[0]} if areas else {}


def _page(cursor: Cursor) -> dict[str, Any]:
    layout = PAGES.header(cursor.source, *cursor.take())
    offset, line = cursor.take()
    return {"page": read_page(line, layout) or cursor.source.fail(offset, layout.reason)}


_BUCKET = re.compile(r"page_hash_table\[\d+\]")
_ADDRESS = re.compile(r"([0-9a-f]{8,16}) *")


def _lists(cursor: Cursor) -> dict[str, Any]:
    """The free list or the page cache's bucket that holds the page; anything else is refused."""
    reader = FreeReader(cursor)
    while cursor.skip_blank() and reader.part():
        pass
    zones = reader.finish()
    if zones:
        return {"free": tuple(zones)}
    if found := cursor.match(_BUCKET):
        address = cursor.match(_ADDRESS) or cursor.source.fail(cursor.offset, "no page in its bucket")
        return {"page_cache": PageList(name=found[0], pages=(int(address[1], 16),))}
    cursor.skip_or_reject("no part of a report on an address")
    return {}


_READERS: tuple[tuple[Callable[[str], object], Callable[[Cursor], dict[str, Any]]], ...] = (
    (_SYMBOL.fullmatch, lambda cursor: {"symbol": _inner(cursor, "sym", 1)}),
    (_PID.fullmatch, lambda cursor: {"task": _inner(cursor, "set", 5)}),
    (CACHES.heads, lambda cursor: {"caches": tuple(read_contents(cursor))}),
    (AREAS.heads, _areas),
    (PAGES.heads, _page),
)
