"""``kmem -V``, ``-z``, ``-o``, ``-h``, ``-g``: counters, zones, per-cpu offsets, huge pages, page flags.

Source in crash: ``dump_vm_stat()``, ``dump_zone_stats()``, ``dump_per_cpu_offsets()``, ``dump_hstates()``,
``dump_page_flags()`` (memory.c).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import DECIMAL, GAP, HEX, SIGNED, TEXT, WORD, Cell, Column
from crashdrive.records import Address, Bits, Long, Record


class VmStatistic(Record, frozen=True):
    """A counter of the kernel's memory management; ``section`` as crash heads it (``VM_NODE_STAT``)."""

    section: str
    name: str
    value: Long


class ZoneStatistics(Record, frozen=True):
    """A zone and its counters, in pages. Of an empty zone (``unpopulated``) crash prints no figures.

    ``present_pages`` is None where it isn't less than ``size_pages``: crash then leaves it out.
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
    """A CPU's per-cpu offset: added to the address of a per-cpu symbol it gives the CPU's instance."""

    cpu: int
    offset: Bits
    offline: bool = False


class HugePages(Record, frozen=True):
    """Huge pages of one size (in bytes): how many are free, how many there are in all."""

    hstate: Address
    size: int
    free: int
    total: int
    name: str


class PageFlag(Record, frozen=True):
    """A flag of ``page.flags``: the number of its bit, and its mask."""

    page_flag: str
    bit: int
    value: Bits


_N = r"-?\d{1,20}+"


def counters() -> g.ParserElement:
    """``kmem -V``: sections, set apart by blank lines. crash 4.0 prints one section, without its name::

     VM_ZONE_STAT:
            NR_FREE_PAGES: 95689
    NR_ZONE_INACTIVE_ANON: 2754
    """
    row = _counter(r"(?:NR|NUMA)_[A-Z_]{1,64}+")
    alone = g.made(
        g.FollowedBy(row) + g.Rows(row), lambda _text, _place, found: _in_section("VM_STAT", found)
    )
    return g.Gap() + (alone | g.Many(_section(), least=0)).set_name("a section of counters: VM_STAT:")


def _section() -> g.ParserElement:
    title = g.Row(
        r"  (VM_(?:ZONE_|NODE_|NUMA_)?STAT|VM_EVENT_STATES|PAGE_STATES):",
        lambda row: row[1],
        "a section of counters: VM_STAT:",
    )
    rows = g.Rows(
        _counter(r"[A-Z][A-Z0-9_]*+|[a-z]\w{0,127}+"),
        between=g.noise(blank=False),
        until=g.Anything(),
        least=0,
    )
    return g.made(title + rows, lambda _text, _place, found: _in_section(found[0], found[1:]))


def _counter(name: str) -> Any:
    pattern = rf"(?=[^\n]{{0,256}}+(?:\n|\Z)) *+({name}): ({_N})"
    return g.Row(pattern, lambda row: (row[1], int(row[2])), "a counter: NAME: VALUE")


def _in_section(section: str, found: list[Any]) -> list[VmStatistic]:
    return [VmStatistic(section=section, name=name, value=value) for name, value in found]


def zones() -> g.ParserElement:
    """``kmem -z``; kernels before 2.6.32 alone have lines of NR_ACTIVE and ALL_UNRECLAIMABLE, which may be
    joined to the line above::

    NODE: 0  ZONE: 0  ADDR: ffff8c3b1e90d000  NAME: "DMA"
      SIZE: 4095  PRESENT: 3998  MIN/LOW/HIGH: 22/27/32
      NR_ACTIVE: 0  NR_INACTIVE: 0  FREE: 3808
      ALL_UNRECLAIMABLE: no  PAGES_SCANNED: 0
      VM_STAT:
            NR_FREE_PAGES: 3808
    NODE: 0  ZONE: 2  ADDR: ffff8c3b1e90dc00  NAME: "Normal"
      [unpopulated]
    """
    head = g.Row(
        r"NODE: (?P<node>\d{1,6}+)  ZONE: (?P<zone>\d{1,6}+)  ADDR: (?P<address>[0-9a-f]{1,16}+)  "
        r'NAME: "(?P<name>[^"\n]{0,64}+)"',
        lambda row: row.groupdict(),
        'a zone: NODE: N  ZONE: N  ADDR: ADDRESS  NAME: "NAME"',
    )
    scanned = rf"(?:PAGES_SCANNED: (?P<pages_scanned>{_N}))?"
    reclaim = rf" *+(?:ALL_UNRECLAIMABLE: (?P<all_unreclaimable>yes|no) *+)?{scanned}"
    free = rf"  FREE: (?P<free_pages>{_N})"
    marks = "/".join(f"(?P<pages_{mark}>{_N})" for mark in ("min", "low", "high"))
    size = rf"  SIZE: (?P<size_pages>{_N})(?:  PRESENT: (?P<present_pages>{_N}))?  MIN/LOW/HIGH: {marks}"
    lists = rf"  NR_ACTIVE: (?P<active_pages>{_N})  NR_INACTIVE: (?P<inactive_pages>{_N}){free}"
    figures = [
        g.Row(
            f"{size}(?:{free}|{reclaim})?+", _figures, "the size of a zone: SIZE: PAGES  MIN/LOW/HIGH: N/N/N"
        ),
        g.Row(f"{lists}(?:{reclaim})?+", _figures, "a zone's lists: NR_ACTIVE: PAGES"),
        g.Row(f"(?= *+[AP]){reclaim}", _figures, "ALL_UNRECLAIMABLE: yes or no"),
        g.Row(free, _figures, "a zone's free pages: FREE: PAGES"),
    ]
    empty = g.Row(r" *+\[unpopulated\]", lambda _row: {"unpopulated": True}, "[unpopulated]")
    line = (figures[0] | figures[1] | figures[2] | figures[3]).set_name("figures of a zone")
    body = empty | (g.Many(line, until=g.Anything()) + g.Opt(_section()))
    zone = g.made(head + g.Gap() + body, _zone)
    return g.Many(zone, resume=g.FollowedBy(head))


def _figures(row: re.Match[str]) -> dict[str, Any]:
    return {
        name: text == "yes" if name == "all_unreclaimable" else int(text)
        for name, text in row.groupdict().items()
        if text is not None
    }


def _zone(text: g.Text, place: int, found: list[Any]) -> ZoneStatistics:
    head, *rest = found
    fields: dict[str, Any] = {}
    for one in rest:
        if isinstance(one, dict):
            if fields.keys() & one.keys():
                text.misfit(place, f"{min(fields.keys() & one.keys())} stands twice in this zone")
            fields |= one
    return ZoneStatistics(
        node=int(head["node"]),
        zone=int(head["zone"]),
        address=int(head["address"], 16),
        name=head["name"],
        statistics=tuple(one for one in rest if isinstance(one, VmStatistic)),
        **fields,
    )


def offsets() -> g.ParserElement:
    """``kmem -o``::

    PER-CPU OFFSET VALUES:
      CPU 0: ffff8c3b7de00000
      CPU 1: ffff8c3b7df00000 [OFFLINE]
    """
    row = g.Row(
        r" *+CPU (\d{1,6}+): ([0-9a-f]{1,16}+)( \[OFFLINE\])?",
        lambda row: PerCpuOffset(cpu=int(row[1]), offset=int(row[2], 16), offline=bool(row[3])),
        "a CPU's offset: CPU N: OFFSET",
    )
    return g.Gap() + g.Titles("PER-CPU", "OFFSET", "VALUES:") + g.Rows(row)


def huge_pages() -> g.ParserElement:
    """``kmem -h``::

         HSTATE        SIZE    FREE   TOTAL  NAME
    ffffffff9ff57728    2MB       1       2  hugepages-2048kB
    """
    return g.table(
        HugePages,
        Column("HSTATE", "hstate", HEX),
        Column("SIZE", "size", Cell(r"\d{1,9}+(?:\.\d)?[KMG]B", _bytes)),
        Column("FREE", "free", SIGNED),
        Column("TOTAL", "total", SIGNED),
        Column("NAME", "name", TEXT, joined="error"),
        what="huge pages",
        between=g.noise(blank=False),
        until=g.Blank(),
        least=0,
    )


def _bytes(text: str) -> int:
    units = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
    return int(Decimal(text[:-2]) * units[text[-2:]])


def page_flags() -> g.ParserElement:
    """``kmem -g``: all flags, or (``FLAGS:``) those that are set in a value::

    FLAGS: 4080
      PAGE-FLAG        BIT  VALUE
      PG_workingset      7  0000080
    """
    value = g.Row(rf"FLAGS:{GAP}([0-9a-f]{{1,16}}+)", lambda row: row, "FLAGS: VALUE")
    none = g.Titles("(none", "found)")
    table = g.table(
        PageFlag,
        Column("PAGE-FLAG", "page_flag", WORD),
        Column("BIT", "bit", DECIMAL),
        Column("VALUE", "value", HEX),
        what="page flags",
        until=value | none,
        least=0,
    )
    one = g.Suppress(g.Opt(value)) + g.Gap() + table + g.Opt(none)
    return g.Gap() + g.Many(one)


def demand_counters(source: Source, found: list[VmStatistic]) -> list[VmStatistic]:
    """The counters, at least one."""
    return demand_records(source, found, "no counter")
