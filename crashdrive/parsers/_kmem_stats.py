"""``kmem -V``, ``-z``, ``-o``, ``-h``, ``-g``: counters, zones, per-cpu offsets, huge pages, page flags.

Source in crash: ``dump_vm_stat()``, ``dump_zone_stats()``, ``dump_per_cpu_offsets()``, ``dump_hstates()``,
``dump_page_flags()`` (memory.c).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, GAP, HEX, SIGNED, TEXT, WORD, Cell, Column, Table
from crashdrive.parsers.grammar.cursor import Cursor, only_table
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Bits, Long, Record


class VmStatistic(Record, frozen=True):
    """A counter of the kernel's memory management; ``section`` as crash heads it (``VM_NODE_STAT``)."""

    section: str
    name: str
    value: Long


class ZoneStatistics(Record, frozen=True):
    """A zone and its counters, in pages; of an empty one (``unpopulated``) crash knows no more.

    ``present_pages`` is None where it isn't less than the size.
    """

    node: int
    zone: int
    address: Address
    name: str
    unpopulated: bool = False
    size_pages: int | None = None
    present_pages: int | None = None
    pages_min: int | None = None
    pages_low: int | None = None
    pages_high: int | None = None
    active_pages: int | None = None
    inactive_pages: int | None = None
    free_pages: int | None = None
    all_unreclaimable: bool | None = None
    pages_scanned: int | None = None
    statistics: tuple[VmStatistic, ...] = ()


class PerCpuOffset(Record, frozen=True):
    """What is added to a per-cpu symbol's address to get at a CPU's own instance."""

    cpu: int
    offset: Bits
    offline: bool = False


class HugePages(Record, frozen=True):
    """Huge pages of one size (bytes): how many are free, how many there are."""

    hstate: Address
    size: int
    free: int
    total: int
    name: str


class PageFlag(Record, frozen=True):
    """A flag of ``page.flags``: its bit, its value."""

    page_flag: str
    bit: int
    value: Bits


_SECTION = re.compile(r"  (VM_(?:ZONE_|NODE_|NUMA_)?STAT|VM_EVENT_STATES|PAGE_STATES):")
_NAMELESS = re.compile(r"(?: *+(?:NR|NUMA)_[A-Z_]{1,64}+: \d{1,20}+\n)++\s*+")
_COUNTER = re.compile(r" *([A-Z][A-Z0-9_]*+|[a-z]\w*+): (-?\d{1,20})")


def parse_counters(source: Source) -> list[VmStatistic]:
    """``kmem -V``: all counters."""
    cursor = Cursor(source)
    counters: list[VmStatistic] = []
    # Crash 4.0 knew one table only, and gave it no name.
    section = "VM_STAT" if _NAMELESS.fullmatch(source.text) else ""
    while cursor.line is not None:
        if not cursor.at_text():
            section = ""  # each section begins behind a blank line, and with its name
            cursor.advance()
        elif found := cursor.match(_SECTION):
            section = found[1]
        elif counter := _counter(cursor, section):
            counters.append(counter)
        else:
            cursor.skip_or_reject("no counter")
    return demand_records(source, counters, "no counter")


def _counter(cursor: Cursor, section: str) -> VmStatistic | None:
    found = cursor.match(_COUNTER, 256) if section else None
    return VmStatistic(section=section, name=found[1], value=int(found[2])) if found else None


_ZONE = re.compile(r'NODE: (\d{1,6})  ZONE: (\d{1,6})  ADDR: ([0-9a-f]{1,16})  NAME: "([^"]{0,64})"')
_SIZES = re.compile(r"  SIZE: (-?\d+)(?:  PRESENT: (-?\d+))?  MIN/LOW/HIGH: (-?\d+)/(-?\d+)/(-?\d+)(  .*)?")
_SIZE_FIELDS = ("size_pages", "present_pages", "pages_min", "pages_low", "pages_high")
_LIST_FIELDS = ("active_pages", "inactive_pages", "free_pages")
_LISTS = re.compile(r"  NR_ACTIVE: (\d+)  NR_INACTIVE: (\d+)  FREE: (\d+)(  .*)?")
_RECLAIM = re.compile(r" *ALL_UNRECLAIMABLE: (yes|no) *(?:PAGES_SCANNED: (\d+))? *|PAGES_SCANNED: (\d+) *")
_FREE = re.compile(r" {2}FREE: (\d{1,20}) *")


def parse_zones(source: Source) -> list[ZoneStatistics]:
    """``kmem -z``: each zone with its counters."""
    cursor = Cursor(source)
    zones: list[ZoneStatistics] = []
    while cursor.skip_blank():
        if found := cursor.match(_ZONE):
            zones.append(_zone(cursor, found))
        else:
            cursor.skip_or_reject("no zone")
    return demand_records(source, zones, "no zone")


def _zone(cursor: Cursor, head: re.Match[str]) -> ZoneStatistics:
    fields: dict[str, Any] = {}
    counters: list[VmStatistic] = []
    section = ""
    while cursor.skip_blank() and not _ZONE.fullmatch(cursor.line or ""):
        if (cursor.line or "").strip(" ") == "[unpopulated]" and not fields:
            fields["unpopulated"] = True
            cursor.advance()
        elif not section and (found := cursor.match(_SECTION)):
            section = found[1]
        elif counter := _counter(cursor, section):
            counters.append(counter)
        elif not _zone_line(cursor, fields):
            cursor.skip_or_reject("no line about a zone")
    return ZoneStatistics(
        node=int(head[1]),
        zone=int(head[2]),
        address=int(head[3], 16),
        name=head[4],
        statistics=tuple(counters),
        **fields,
    )


def _zone_line(cursor: Cursor, fields: dict[str, Any]) -> bool:
    """A line of named numbers, or the end of one (crash doesn't always break the line)."""
    if "size_pages" not in fields and (found := cursor.match(_SIZES)):
        _fill(fields, dict(zip(_SIZE_FIELDS, found.groups()[:5], strict=True)))
        rest = found[6]
    elif found := cursor.match(_LISTS):
        _fill(fields, dict(zip(_LIST_FIELDS, found.groups()[:3], strict=True)))
        rest = found[4]
    else:
        rest = cursor.line or ""
        if not _zone_rest(rest, fields):
            return False
        cursor.advance()
        return True
    return not rest or not rest.strip() or _zone_rest(rest, fields)


def _zone_rest(text: str, fields: dict[str, Any]) -> bool:
    if found := _FREE.fullmatch(text):
        _fill(fields, {"free_pages": found[1]})
    elif found := _RECLAIM.fullmatch(text):
        if found[1]:
            fields["all_unreclaimable"] = found[1] == "yes"
        _fill(fields, {"pages_scanned": found[2] or found[3]})
    else:
        return False
    return True


def _fill(fields: dict[str, Any], numbers: dict[str, str | None]) -> None:
    fields.update({name: int(number) for name, number in numbers.items() if number is not None})


_OFFSETS_TITLE = "PER-CPU OFFSET VALUES:"
_OFFSET = re.compile(r" *CPU (\d{1,6}): ([0-9a-f]{1,16})( \[OFFLINE\])? *")


def parse_offsets(source: Source) -> list[PerCpuOffset]:
    """``kmem -o``: the offset of each CPU."""
    cursor = Cursor(source)
    cursor.skip_blank()
    offset, line = cursor.take()
    if line.strip(" ") != _OFFSETS_TITLE:
        source.fail(offset, f"no {_OFFSETS_TITLE}")
    rows: list[PerCpuOffset] = []
    while cursor.skip_blank():
        if found := cursor.match(_OFFSET):
            rows.append(PerCpuOffset(cpu=int(found[1]), offset=int(found[2], 16), offline=bool(found[3])))
        else:
            cursor.skip_or_reject("no per-cpu offset")
    return demand_records(source, rows, "no per-cpu offset")


_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


def _bytes(text: str) -> int:
    return int(Decimal(text[:-2]) * _UNITS[text[-2:]])


_HUGE = Table(
    HugePages,
    Column("HSTATE", "hstate", HEX),
    Column("SIZE", "size", Cell(r"\d{1,9}(?:\.\d)?[KMG]B", _bytes)),
    Column("FREE", "free", SIGNED),
    Column("TOTAL", "total", SIGNED),
    Column("NAME", "name", TEXT),
)


def parse_huge(source: Source) -> list[HugePages]:
    """``kmem -h``: the table of huge pages."""
    return only_table(source, _HUGE)


_FLAGS = Table(
    PageFlag,
    Column("PAGE-FLAG", "page_flag", WORD),
    Column("BIT", "bit", DECIMAL),
    Column("VALUE", "value", HEX),
)
_FLAGS_HEAD = re.compile(rf"FLAGS:{GAP}([0-9a-f]{{1,16}}) *")


def parse_flags(source: Source) -> list[PageFlag]:
    """``kmem -g``: all page flags, or those that are set in a value."""
    cursor = Cursor(source)
    flags: list[PageFlag] = []
    titles = False
    while cursor.skip_blank():
        line = cursor.line or ""
        if cursor.match(_FLAGS_HEAD):
            pass
        elif line.strip(" ") == "(none found)" and titles:
            cursor.advance()
        elif _FLAGS.heads(line):
            flags += _flag_table(cursor)
            titles = True
        else:
            cursor.skip_or_reject("no header of page flags")
    if not titles:
        source.fail(0, "no table of page flags")
    return flags


def _flag_table(cursor: Cursor) -> list[PageFlag]:
    layout = _FLAGS.header(cursor.source, *cursor.take())
    rows: list[PageFlag] = []
    while cursor.at_text() and (cursor.line or "").strip(" ") != "(none found)":
        row = layout.match(cursor.line or "")
        if row is None:
            cursor.skip_or_reject(layout.reason)
            continue
        rows.append(row)
        cursor.advance()
    return rows
