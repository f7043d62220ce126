r"""Memory: how it is used, zones, free blocks, slab caches, vmalloc, swap, processes, cgroups, OOM.

\b
Examples:
  crashdrive report memory vmcore
  crashdrive report memory --top 0 vmcore      all caches, callers, processes
  crashdrive report memory --files vmcore      who is in the page cache
  crashdrive report memory --counters vmcore   /proc/vmstat
  crashdrive report memory --format json vmcore | jq '.tables.slabs'

Amounts are those of /proc/meminfo and, below them, what it lacks: Unaccounted is memory in use that no
counter of the kernel has. Free objects in a CPU's own list count as in use, as in /proc/slabinfo. unusable
and fragmentation are those of /sys/kernel/debug/extfrag: fragmentation near 1 says that a request fails as
memory is fragmented, near 0 that there is too little, -1 that it would succeed. Freed areas of vmalloc that
aren't purged yet aren't shown.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from crashdrive.errors import UsageError
from crashdrive.linux.mm.cgroups import cgroup_memory
from crashdrive.linux.mm.file_cache import file_cache
from crashdrive.linux.mm.free_areas import free_blocks, migrate_types
from crashdrive.linux.mm.hugepages import huge_pages
from crashdrive.linux.mm.meminfo import Given, memory_amounts
from crashdrive.linux.mm.nodes import memory_nodes, memory_zones, read_zones
from crashdrive.linux.mm.out_of_memory import memory_log
from crashdrive.linux.mm.percpu_chunks import percpu_chunks
from crashdrive.linux.mm.processes import process_memory
from crashdrive.linux.mm.slabs import slab_caches
from crashdrive.linux.mm.swap import swap_areas
from crashdrive.linux.mm.vmalloc import vmalloc_areas, vmalloc_by_caller
from crashdrive.linux.mm.vmstat import vm_counters
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from crashdrive.linux.mm.nodes import Zone
    from crashdrive.linux.mm.vmstat import VmCounter

NAME = "memory"
SUMMARY = "How memory is used: zones, free blocks, slabs, vmalloc, swap, processes, cgroups, OOM."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(
        name="top", flags=("-n", "--top"), kind="integer", default=10,
        help="How many caches, callers, processes and files; 0 for all.",
    ),
    Option(name="files", flags=("-f", "--files"), help="The page cache by filesystem and by file."),
    Option(
        name="blocks",
        flags=("-b", "--blocks"),
        help="Free blocks by migrate type; takes time.",
        fills=("type_blocks",),
    ),
    Option(
        name="slabs", flags=("-s", "--slabs"),
        help="All slab caches, and objects in use also where many slabs are partly used.",
    ),
    Option(name="areas", flags=("-a", "--areas"), help="Each area of vmalloc."),
    Option(name="counters", flags=("-c", "--counters"), help="All counters of /proc/vmstat."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """All tables of memory; options by the names in `OPTIONS`."""
    if asked["top"] < 0:
        raise UsageError(f"--top is {asked['top']}: it is a number of rows, 0 for all")
    survey = Survey(crash.kernel)
    most = asked["top"] or None
    zones = survey.attempt("memory zones", lambda: read_zones(survey))
    counters = survey.attempt("counters of memory", partial(vm_counters, survey))
    total, tables = _amounts(survey, zones, counters)
    tables += _zones(survey, zones, count=asked["blocks"])
    tables += _kernel(survey, total, most, asked)
    tables += _users(survey, total, most)
    if asked["counters"]:
        tables.append(Table(name="counters", rows=counters, title="Counters"))
    if asked["files"]:
        tables += _files(survey, most)
    return judged(report_of(NAME, survey, tables), "system")


def _amounts(survey: Survey, zones: list[Zone], counters: list[VmCounter]) -> tuple[int | None, list[Table]]:
    """All memory, and what it is used for."""
    rows = survey.attempt("memory zones", partial(memory_zones, survey, zones))
    held = [row.per_cpu_bytes for row in rows]
    on_cpus = None if None in held else sum(one for one in held if one is not None)
    huge = survey.attempt("huge pages", partial(huge_pages, survey))
    given = Given(counters, zones, huge, on_cpus)
    amounts = survey.attempt("amounts of memory", partial(memory_amounts, survey, given))
    nodes = survey.attempt("memory nodes", partial(memory_nodes, survey))
    total = next((row.amount_bytes for row in amounts if row.item == "MemTotal"), None)
    return total, [
        Table(name="amounts", rows=amounts),
        Table(name="hugepages", rows=huge, columns=_HUGE, title="Huge pages"),
        Table(name="nodes", rows=nodes, columns=_NODE, title="Nodes"),
        Table(name="zones", rows=rows, columns=_ZONE, title="Zones"),
    ]


def _zones(survey: Survey, zones: list[Zone], *, count: bool) -> list[Table]:
    """Zones with their free blocks."""
    blocks = survey.attempt("free blocks", partial(free_blocks, survey, zones))
    types = survey.attempt("migrate types", partial(migrate_types, survey, zones, count=count))
    columns = (*_TYPE, "type_blocks") if count else _TYPE
    return [
        Table(name="free", rows=blocks, title="Free blocks"),
        Table(name="migrate_types", rows=types, columns=columns, title="Migrate types"),
    ]


def _kernel(survey: Survey, total: int | None, most: int | None, asked: dict[str, Any]) -> list[Table]:
    """Memory of the kernel itself: slab caches, vmalloc, swap."""
    slabs = survey.attempt("slab caches", partial(slab_caches, survey, total, every=asked["slabs"]))
    areas = survey.attempt("areas of vmalloc", partial(vmalloc_areas, survey))
    chunks = survey.attempt("per-CPU memory", partial(percpu_chunks, survey))
    tables = [
        Table(
            name="slabs", rows=slabs[: None if asked["slabs"] else most], columns=_SLAB, title="Slab caches"
        ),
        Table(name="vmalloc", rows=vmalloc_by_caller(areas)[:most], columns=_USE, title="vmalloc by caller"),
        Table(name="percpu", rows=chunks, columns=_CHUNK, title="Per-CPU memory"),
    ]
    if asked["areas"]:
        tables.append(Table(name="areas", rows=areas, columns=_AREA, title="Areas of vmalloc"))
    return tables


def _users(survey: Survey, total: int | None, most: int | None) -> list[Table]:
    """Memory of processes and cgroups, and what happened when it ran out."""
    areas = survey.attempt("swap areas", partial(swap_areas, survey))
    processes = survey.attempt("memory of processes", partial(process_memory, survey, total))
    groups = survey.attempt("memory cgroups", partial(cgroup_memory, survey))
    told = next(iter(survey.attempt("the kernel's log", lambda: [memory_log(survey)])), None)
    return [
        Table(name="swap", rows=areas, columns=_SWAP, title="Swap areas"),
        Table(name="processes", rows=processes[:most], columns=_PROCESS, title="Processes"),
        Table(name="cgroups", rows=groups, columns=_GROUP, title="Memory cgroups"),
        Table(name="oom", rows=told.events if told else [], columns=_OOM, title="Out of memory"),
        Table(name="failures", rows=told.failures if told else [], title="Requests that failed"),
    ]


def _files(survey: Survey, most: int | None) -> list[Table]:
    cache = next(iter(survey.attempt("the page cache", lambda: [file_cache(survey, most)])), None)
    known = cache.filesystems if cache else []
    return [
        Table(name="filesystems", rows=known, columns=_CACHED, title="Page cache"),
        Table(name="files", rows=cache.files if cache else [], columns=_FILE, title="Files in it"),
    ]


_NODE = ("node", "present_bytes", "kswapd_pid", "kswapd_failures", "kswapd_order")
_ZONE = (
    "node", "zone_name", "free_bytes", "watermark", "min_bytes", "low_bytes", "high_bytes", "managed_bytes",
    "per_cpu_bytes",
)  # fmt: skip
_TYPE = ("node", "zone_name", "migrate_type", "page_blocks")
_SLAB = (
    "name", "slab_bytes", "memory_percent", "active_objects", "total_objects", "stride_bytes", "slab_count",
    "reclaimable",
)  # fmt: skip
_CHUNK = ("base", "unit_bytes", "populated_bytes", "free_unit_bytes", "all_cpu_bytes", "first_chunk")
_HUGE = ("huge_page_bytes", "huge_pages", "free_pages", "reserved_pages", "surplus_pages", "total_bytes")
_USE = ("caller", "caller_module", "area_kind", "area_count", "page_bytes", "area_bytes")
_AREA = ("address", "area_bytes", "page_bytes", "area_kind", "caller", "caller_module", "physical_address")
_SWAP = ("path", "swap_kind", "size", "used_bytes", "used_percent", "swap_priority", "writable")
_PROCESS = (
    "pid", "comm", "rss", "memory_percent", "anonymous_bytes", "file_bytes", "shmem_bytes", "swap_bytes",
    "page_table_bytes", "oom_score_adj",
)  # fmt: skip
_GROUP = (
    "cgroup", "usage_bytes", "limit_bytes", "limit_percent", "peak_bytes", "swap_bytes", "limit_hits",
    "oom_kills",
)  # fmt: skip
_OOM = (
    "oom_timestamp", "constraint", "cgroup", "invoker", "order", "victim_pid", "victim_comm",
    "victim_anonymous_bytes",
)  # fmt: skip
_CACHED = ("type", "filesystem", "cached_bytes", "inodes")
_FILE = ("cached_bytes", "size", "type", "filesystem", "path", "deleted")
