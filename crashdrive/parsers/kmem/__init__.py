"""``kmem``: the kernel's memory.

Source in crash: memory.c. Each group of options has a module here.

As crash prints it::

    crash> kmem -s
    CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
    ffff8c3b011b7300     8328        145       156     52    32k  task_struct
    ...
"""

from __future__ import annotations

from collections.abc import Callable

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.pages import Page
from crashdrive.parsers.kmem.areas import VmapArea, areas, check_areas
from crashdrive.parsers.kmem.caches import (
    SlabCache,
    SlabCacheName,
    caches,
    check_caches,
    check_names,
    names,
)
from crashdrive.parsers.kmem.free import FreeZone, check_free, free
from crashdrive.parsers.kmem.info import MemoryUse, ZoneUse, check_info, info
from crashdrive.parsers.kmem.lists import PageCount, PageList, check_lists, lists
from crashdrive.parsers.kmem.nodes import MemoryBlock, MemoryNode, MemorySection, nodes
from crashdrive.parsers.kmem.pages import PageMembers, check_members, check_pages, members, pages
from crashdrive.parsers.kmem.report import AddressReport, check_reports, reports
from crashdrive.parsers.kmem.several import KmemAnswer, is_several, several
from crashdrive.parsers.kmem.slabs import SlabCacheContents, check_contents, contents, has_slabs
from crashdrive.parsers.kmem.statistics import (
    HugePages,
    PageFlag,
    PerCpuOffset,
    VmStatistic,
    ZoneStatistics,
    counters,
    demand_counters,
    huge_pages,
    offsets,
    page_flags,
    zones,
)

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "AddressReport",
    "FreeZone",
    "HugePages",
    "KmemAnswer",
    "MemoryBlock",
    "MemoryNode",
    "MemorySection",
    "MemoryUse",
    "Page",
    "PageCount",
    "PageFlag",
    "PageList",
    "PageMembers",
    "PerCpuOffset",
    "SlabCache",
    "SlabCacheContents",
    "SlabCacheName",
    "VmStatistic",
    "VmapArea",
    "ZoneStatistics",
    "ZoneUse",
]


def _option(letters: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letters)


def _named(source: Source) -> bool:
    return source.command.has("sS") and source.command.arguments[:1] == ("list",)


def _with_slabs(source: Source) -> bool:
    return source.command.has("S") or (source.command.has("s") and has_slabs(source.text))


def _several() -> g.ParserElement:
    """A report for each flag, in the order in which crash prints them::

    NODE    SIZE      PGLIST_DATA       BOOTMEM_DATA       NODE_ZONES
      0    130938   ffff8904411fb000        ----        ffff8904411fb000
     ...

    NODE: 0  ZONE: 0  ADDR: ffff8904411fb000  NAME: "DMA"
     ...
    """
    return several(lambda: SHAPES[1:])


SHAPES: tuple[Shape, ...] = (
    Shape(
        name="several",
        record=KmemAnswer,
        grammar=_several,
        options="-n and -z, beside each other or one other flag",
        when=is_several,
    ),
    Shape(
        name="info",
        record=MemoryUse | ZoneUse,
        grammar=info,
        finish=check_info,
        options="-i -i=shared",
        when=_option("i"),
    ),
    Shape(
        name="free",
        record=FreeZone | PageCount,
        grammar=free,
        finish=check_free,
        options="-f -F [addr]",
        when=_option("fF"),
    ),
    Shape(
        name="statistics",
        record=VmStatistic,
        grammar=counters,
        finish=demand_counters,
        options="-V",
        when=_option("V"),
    ),
    Shape(name="zones", record=ZoneStatistics, grammar=zones, options="-z", when=_option("z")),
    Shape(
        name="nodes",
        record=MemoryNode | MemorySection | MemoryBlock,
        grammar=nodes,
        options="-n",
        when=_option("n"),
    ),
    Shape(name="offsets", record=PerCpuOffset, grammar=offsets, options="-o", when=_option("o")),
    Shape(name="huge-pages", record=HugePages, grammar=huge_pages, options="-h", when=_option("h")),
    Shape(name="page-flags", record=PageFlag, grammar=page_flags, options="-g [flags]", when=_option("g")),
    Shape(
        name="cache-names",
        record=SlabCacheName,
        grammar=names,
        finish=check_names,
        options="-s list, -S list",
        when=_named,
    ),
    Shape(
        name="slabs",
        record=SlabCacheContents,
        grammar=contents,
        finish=check_contents,
        options="-S [cache|addr], -s addr",
        when=_with_slabs,
    ),
    Shape(
        name="caches",
        record=SlabCache,
        grammar=caches,
        finish=check_caches,
        options="-s [cache], -r",
        when=_option("sr"),
    ),
    Shape(
        name="page-members",
        record=PageMembers,
        grammar=members,
        finish=check_members,
        options="-m members",
        when=_option("m"),
    ),
    Shape(
        name="pages",
        record=Page,
        grammar=pages,
        finish=check_pages,
        options="-p [addr]",
        when=_option("p"),
    ),
    Shape(
        name="areas",
        record=VmapArea,
        grammar=areas,
        finish=check_areas,
        options="-v [addr]",
        when=_option("v"),
    ),
    Shape(
        name="page-lists",
        record=PageList | PageCount,
        grammar=lists,
        finish=check_lists,
        options="-c -C -l -L",
        when=_option("cClL"),
    ),
    Shape(
        name="report",
        record=AddressReport,
        grammar=reports,
        finish=check_reports,
        options="addr",
        when=lambda _source: True,
    ),
)

EXAMPLES = (
    "kmem -i",
    "kmem -i=shared",
    "kmem -f",
    "kmem -f {page}",
    "kmem -F",
    "kmem -V",
    "kmem -n",
    "kmem -z",
    "kmem -o",
    "kmem -h",
    "kmem -g",
    "kmem -g 4080",
    "kmem -s",
    "kmem -s list",
    "kmem -s task_struct",
    "kmem -s no_such_cache",
    "kmem -s {task}",
    "kmem -r",
    "kmem -I task_struct,pid -s",
    "kmem -S task_struct",
    "kmem -S=0 mm_struct",
    "kmem -S {task}",
    "kmem -v",
    "kmem -p {task}",
    "kmem -p {page}",
    "kmem -m flags,lru,_mapcount {page}",
    "kmem -m no_such_member {page}",
    "kmem -c",
    "kmem -C",
    "kmem -l a",
    "kmem {task}",
    "kmem {init_task}",
    "kmem {text}",
    "kmem {page}",
    "kmem {module}",
    "kmem 5000000",
    "kmem deadbeef000",
    "kmem no_such_address",
    "kmem -n -z",
    "kmem -i -n",
    "kmem -V -z",
    "kmem -zno",
    "kmem -s mm_struct -z",
    "kmem -g -n",
    "kmem -i -s",
    *("kmem -P 5000000", "kmem -S=0,1 mm_struct", "kmem -S list", "kmem -L a"),
)
