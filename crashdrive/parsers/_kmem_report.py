"""``kmem ADDRESS``: all that crash knows of an address.

Source in crash: ``kmem_search()`` (memory.c), ``show_symbol()`` (symbols.c), ``show_context()`` (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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
from crashdrive.parsers.grammar.cursor import Cursor, read_table
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.parsers.grammar.table import GAP
from crashdrive.records import Record


class AddressSymbol(Record, frozen=True):
    """The symbol at or before an address; ``file`` and ``line`` of text, ``module`` where it is in one."""

    address: int
    type: str
    name: str
    offset: int = 0
    module: str | None = None
    file: str | None = None
    line: int | None = None


class AddressTask(Record, frozen=True):
    """The task whose task_struct or stack holds an address."""

    pid: int
    command: str
    task: int
    cpu: int | None
    state: str
    thread_info: int | None = None
    offline: bool = False


class AddressReport(Record, frozen=True):
    """What an address belongs to; None or empty is what it doesn't.

    ``not_found``: the kind of address (``physical``, ``kernel virtual``) where crash finds no page for it.
    """

    symbol: AddressSymbol | None = None
    task: AddressTask | None = None
    area: VmapArea | None = None
    caches: tuple[SlabCacheContents, ...] = ()
    free: tuple[FreeZone, ...] = ()
    page_cache: PageList | None = None
    page: Page | None = None
    not_found: str | None = None


_SYMBOL = re.compile(
    r"([0-9a-f]{8,16}) \((.)\) (\([^()]{1,64} module\)|[^\s+]{1,512})(?:\+(0x[0-9a-f]{1,16}|\d{1,20}))?"
    r"(?: \[([^\s\]]{1,64})\])?(?: (\S[^:\n]{0,4095}): (\d{1,9}))? *"
)
_PID = re.compile(r" *PID: (\d{1,10})")
_COMMAND = re.compile(r' *COMMAND: "(.*)"')
_TASK = re.compile(r" *TASK: ([0-9a-f]{8,16}) *(?:\(\d+ of \d+\))? *(?:\[THREAD_INFO: ([0-9a-f]{8,16})\])? *")
_CPU = re.compile(r" *CPU: (\d{1,6}|\?|\(unknown\))( *\[?\(?OFFLINE\)?\]?)? *")
_STATE = re.compile(r" *STATE: (\S.{0,200}?) *")
_NOT_FOUND = re.compile(rf"[0-9a-f]{{1,16}}: (\S[\w ]{{0,60}}?){GAP}address not found in mem map *")


def parse_report(source: Source) -> list[AddressReport]:
    """``kmem ADDRESS...``: a report for each address; its page, found or not, ends it."""
    cursor = Cursor(source)
    reports: list[AddressReport] = []
    parts: dict[str, Any] = {}
    while cursor.skip_blank():
        parts |= _part(cursor)
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
    if found := cursor.match(_SYMBOL):
        return {"symbol": _symbol(found)}
    if found := cursor.match(_NOT_FOUND):
        return {"not_found": found[1]}
    for begins, read in _READERS:
        if begins(line):
            return read(cursor)
    return _lists(cursor)


def _symbol(found: re.Match[str]) -> AddressSymbol:
    return AddressSymbol(
        address=int(found[1], 16),
        type=found[2],
        name=found[3],
        offset=int(found[4], 0) if found[4] else 0,
        module=found[5],
        file=found[6],
        line=int(found[7]) if found[7] else None,
    )


def _need(cursor: Cursor, pattern: re.Pattern[str], what: str) -> re.Match[str]:
    return cursor.match(pattern) or cursor.source.fail(cursor.offset, f"no line {what} of a task")


def _task(cursor: Cursor) -> AddressTask:
    pid = _need(cursor, _PID, "PID")
    command = _need(cursor, _COMMAND, "COMMAND")
    task = _need(cursor, _TASK, "TASK")
    cpu = _need(cursor, _CPU, "CPU")
    state = _need(cursor, _STATE, "STATE")
    return AddressTask(
        pid=int(pid[1]),
        command=command[1],
        task=int(task[1], 16),
        thread_info=int(task[2], 16) if task[2] else None,
        cpu=int(cpu[1]) if cpu[1].isdecimal() else None,
        offline=bool(cpu[2]),
        state=state[1],
    )


def _areas(cursor: Cursor) -> dict[str, Any]:
    areas = [area_of(row) for row in read_table(cursor, AREAS)]
    return {"area": areas[0]} if areas else {}


def _page(cursor: Cursor) -> dict[str, Any]:
    layout = PAGES.header(cursor.source, *cursor.take())
    offset, line = cursor.take()
    return {"page": read_page(line, layout) or cursor.source.fail(offset, layout.reason)}


_BUCKET = re.compile(r"page_hash_table\[\d+\]")


def _lists(cursor: Cursor) -> dict[str, Any]:
    """The free list or the page cache's bucket that holds the page; anything else is refused."""
    reader = FreeReader(cursor)
    while cursor.skip_blank() and reader.part():
        pass
    zones = reader.finish()
    if zones:
        return {"free": tuple(zones)}
    if found := cursor.match(_BUCKET):
        address = _need(cursor, re.compile(r"([0-9a-f]{8,16}) *"), "with the page")
        return {"page_cache": PageList(name=found[0], pages=(int(address[1], 16),))}
    cursor.skip_or_reject("no part of a report on an address")
    return {}


_READERS: tuple[tuple[Callable[[str], object], Callable[[Cursor], dict[str, Any]]], ...] = (
    (_PID.fullmatch, lambda cursor: {"task": _task(cursor)}),
    (CACHES.heads, lambda cursor: {"caches": tuple(read_contents(cursor))}),
    (AREAS.heads, _areas),
    (PAGES.heads, _page),
)
