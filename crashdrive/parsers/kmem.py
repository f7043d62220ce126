"""``kmem``: the kernel's memory.

Source in crash: memory.c. Each group of options has a module beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crashdrive.parsers._kmem_free import FreeZone, parse_free
from crashdrive.parsers._kmem_info import MemoryUse, ZoneUse, parse_info
from crashdrive.parsers._kmem_nodes import MemoryBlock, MemoryNode, MemorySection, parse_nodes
from crashdrive.parsers._kmem_pages import (
    Page,
    PageCount,
    PageList,
    PageMembers,
    VmapArea,
    parse_areas,
    parse_lists,
    parse_members,
    parse_pages,
)
from crashdrive.parsers._kmem_report import AddressReport, parse_report
from crashdrive.parsers._kmem_several import KmemAnswer, is_several, parse_several
from crashdrive.parsers._kmem_slab import (
    SlabCache,
    SlabCacheContents,
    SlabCacheName,
    parse_caches,
    parse_contents,
    parse_names,
)
from crashdrive.parsers._kmem_stats import (
    HugePages,
    PageFlag,
    PerCpuOffset,
    VmStatistic,
    ZoneStatistics,
    parse_counters,
    parse_flags,
    parse_huge,
    parse_offsets,
    parse_zones,
)
from crashdrive.parsers.base import Shape, Source

__all__ = [
    "EXAMPLES",
    "OPTSTRING",
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

OPTSTRING = "gI:sS::rFfm:pvczCi::nl:L:PVoh"
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

_SLAB_TITLES = re.compile(r"^ *SLAB +MEMORY ", re.MULTILINE)


def _option(letters: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letters)


def _named(source: Source) -> bool:
    return source.command.has("sS") and source.command.arguments[:1] == ("list",)


def _with_slabs(source: Source) -> bool:
    return source.command.has("S") or (source.command.has("s") and bool(_SLAB_TITLES.search(source.text)))


SHAPES: tuple[Shape, ...] = (
    Shape(
        name="several",
        record=KmemAnswer,
        parse=parse_several(lambda: SHAPES[1:]),
        options="-n and -z, beside each other or one other flag",
        when=is_several,
    ),
    Shape(
        name="info", record=MemoryUse | ZoneUse, parse=parse_info, options="-i -i=shared", when=_option("i")
    ),
    Shape(
        name="free", record=FreeZone | PageCount, parse=parse_free, options="-f -F [addr]", when=_option("fF")
    ),
    Shape(name="statistics", record=VmStatistic, parse=parse_counters, options="-V", when=_option("V")),
    Shape(name="zones", record=ZoneStatistics, parse=parse_zones, options="-z", when=_option("z")),
    Shape(
        name="nodes",
        record=MemoryNode | MemorySection | MemoryBlock,
        parse=parse_nodes,
        options="-n",
        when=_option("n"),
    ),
    Shape(name="offsets", record=PerCpuOffset, parse=parse_offsets, options="-o", when=_option("o")),
    Shape(name="huge-pages", record=HugePages, parse=parse_huge, options="-h", when=_option("h")),
    Shape(name="page-flags", record=PageFlag, parse=parse_flags, options="-g [flags]", when=_option("g")),
    Shape(
        name="cache-names", record=SlabCacheName, parse=parse_names, options="-s list, -S list", when=_named
    ),
    Shape(
        name="slabs",
        record=SlabCacheContents,
        parse=parse_contents,
        options="-S [cache|addr], -s addr",
        when=_with_slabs,
    ),
    Shape(name="caches", record=SlabCache, parse=parse_caches, options="-s [cache], -r", when=_option("sr")),
    Shape(
        name="page-members", record=PageMembers, parse=parse_members, options="-m members", when=_option("m")
    ),
    Shape(name="pages", record=Page, parse=parse_pages, options="-p [addr]", when=_option("p")),
    Shape(name="areas", record=VmapArea, parse=parse_areas, options="-v [addr]", when=_option("v")),
    Shape(
        name="page-lists",
        record=PageList | PageCount,
        parse=parse_lists,
        options="-c -C -l -L",
        when=_option("cClL"),
    ),
    Shape(name="report", record=AddressReport, parse=parse_report, options="addr", when=lambda _source: True),
)
