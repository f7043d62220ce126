"""``kmem ADDRESS``: all that crash knows of an address.

Source in crash: ``kmem_search()`` (memory.c), ``show_symbol()`` (symbols.c), ``show_context()`` (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers import parse
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import GAP
from crashdrive.parsers.grammar.pages import Page, page_table
from crashdrive.parsers.kmem.areas import VmapArea, area_table
from crashdrive.parsers.kmem.free import FreeZone, free_zones
from crashdrive.parsers.kmem.lists import PageList, one_page
from crashdrive.parsers.kmem.slabs import SlabCacheContents, caches_with_slabs
from crashdrive.parsers.set import Context
from crashdrive.parsers.sym import Symbol, symbol_rows
from crashdrive.records import Notice, Record


class AddressReport(Record, frozen=True):
    """What an address belongs to; None or empty where crash says nothing.

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


def reports() -> g.ParserElement:
    """Reports one after the other; the page, or that there is none, ends each::

    CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
    ffff8c3b011b7300     8328        145       156     52    32k  task_struct
      (its slab, and the object in it)

        PID: 274
    COMMAND: "connections"
       TASK: ffff8c3b02904180  [THREAD_INFO: ffff8c3b02904180]
        CPU: 1
      STATE: TASK_INTERRUPTIBLE

          PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS
    fffff197400a4100  2904000 dead000000000400        0  0 fffffc0000000
    """
    row_ends: dict[str, Any] = {"between": g.noise(blank=False), "until": g.Anything()}
    parts = (
        g.Row(r"[0-9a-f]{8,16}+ \(.\) [^\n]*+", _symbol(), "a symbol: ADDRESS (TYPE) NAME"),
        g.Row(r"( *+PID: \d{1,10}+ *+(?:\n[^\n]*+){4})", _task, "a task: PID: N"),
        g.made(area_table(**row_ends), _one),
        g.Later(r" *+(?:CACHE|NODE|ZONE|AREA) ", _slabs_or_zones, "slab caches, or zones with free areas"),
        _bucket(),
        g.made(page_table("pages", **row_ends), _one),
        g.Row(
            rf"[0-9a-f]{{1,16}}+: ([^\W\n][\w ]{{0,60}}?){GAP}address not found in mem map",
            lambda row: row[1],
            "address not found in mem map",
        ),
    )
    part = g.MatchFirst(parts).set_name("a part of a report on an address")
    return g.made(g.Many(part, least=0), _reports)


def _one(text: g.Text, place: int, rows: list[Any]) -> Any:
    if len(rows) > 1:
        text.misfit(place, "a report has one row of this table")
    return rows[0]


def _bucket() -> g.ParserElement:
    name = g.Row(r"page_hash_table\[\d{1,9}+\]", lambda row: row[0].strip(), "page_hash_table[N]")
    return g.made(
        name + one_page(), lambda _text, _place, found: PageList(name=found[0], pages=tuple(found[1:]))
    )


def _slabs_or_zones() -> g.ParserElement:
    return g.Group(caches_with_slabs()) | g.Group(free_zones())


def _symbol() -> Callable[[re.Match[str]], Symbol | None]:
    """The symbol in a line as ``sym`` prints it."""
    rows = symbol_rows()

    def make(line: re.Match[str]) -> Symbol | None:
        matched = ((row, row.match(line.string, line.start())) for row in rows)
        return next((row.make(found) for row, found in matched if found), None)

    return make


def _task(found: re.Match[str]) -> Context | None:
    """The task in lines as ``set`` prints them."""
    try:
        task: Context = parse("set", f"{found[1]}\n").one()
    except (ParseError, ValueError):
        return None
    return task


_FIELDS: dict[type, str] = {
    Symbol: "symbol",
    Context: "task",
    VmapArea: "area",
    PageList: "page_cache",
    Page: "page",
    str: "not_found",
}


def _reports(text: g.Text, _place: int, parts: list[Any]) -> list[AddressReport]:
    reports: list[AddressReport] = []
    fields: dict[str, Any] = {}
    for part in parts:
        name = _FIELDS.get(type(part))
        if name is None:
            name = "caches" if isinstance(part[0], SlabCacheContents) else "free"
        fields[name] = part if name in _FIELDS.values() else tuple(part)
        if name in {"page", "not_found"}:
            reports.append(AddressReport(**fields))
            fields = {}
    if fields:
        message = "the report on an address lacks its page"
        text.remark(len(text), Notice(kind="partial", message=message), incomplete=True, late=True)
        reports.append(AddressReport(**fields))
    return reports


def check_reports(source: Source, found: list[AddressReport]) -> list[AddressReport]:
    """The reports, at least one."""
    return demand_records(source, found, "no report on an address")
