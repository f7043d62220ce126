"""Amounts of memory as in /proc/meminfo, and the memory that no counter has (fs/proc/meminfo.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux import percpu
from crashdrive.linux.fs.mounts import for_each_inode
from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.mm.swap_cache import has_swap_spaces, swap_cache_pages
from crashdrive.linux.mm.vmstat import counters_by_name, huge_unit, pages_of
from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.mm.hugepages import HugePages
    from crashdrive.linux.mm.nodes import Zone
    from crashdrive.linux.mm.vmstat import VmCounter
    from crashdrive.linux.survey import Survey

_KB = 1024
# items of /proc/meminfo, and the counters that each is the sum of
_COUNTED = {
    "SwapCached": ("nr_swapcached",),
    "Active": ("nr_active_anon", "nr_active_file"),
    "Inactive": ("nr_inactive_anon", "nr_inactive_file"),
    "Active(anon)": ("nr_active_anon",),
    "Inactive(anon)": ("nr_inactive_anon",),
    "Active(file)": ("nr_active_file",),
    "Inactive(file)": ("nr_inactive_file",),
    "Unevictable": ("nr_unevictable",),
    "Mlocked": ("nr_mlock",),
    "Dirty": ("nr_dirty",),
    "Writeback": ("nr_writeback",),
    "AnonPages": ("nr_anon_pages",),
    "Mapped": ("nr_mapped",),
    "Shmem": ("nr_shmem",),
    "KReclaimable": ("nr_slab_reclaimable", "nr_kernel_misc_reclaimable"),
    "Slab": ("nr_slab_reclaimable", "nr_slab_unreclaimable"),
    "SReclaimable": ("nr_slab_reclaimable",),
    "SUnreclaim": ("nr_slab_unreclaimable",),
    "PageTables": ("nr_page_table_pages",),
    "SecPageTables": ("nr_sec_page_table_pages",),
    "Bounce": ("nr_bounce",),
    "WritebackTmp": ("nr_writeback_temp",),
    "CmaFree": ("nr_free_cma",),
    "Unaccepted": ("nr_unaccepted",),
    "Balloon": ("nr_balloon_pages",),
}
_HUGE = {
    "AnonHugePages": "nr_anon_transparent_hugepages",
    "ShmemHugePages": "nr_shmem_hugepages",
    "ShmemPmdMapped": "nr_shmem_pmdmapped",
    "FileHugePages": "nr_file_hugepages",
    "FilePmdMapped": "nr_file_pmdmapped",
}
# items that add up to the accounted memory; Cached includes Shmem, without anonymous and swap cache pages
ACCOUNTED = (
    "MemFree", "Buffers", "Cached", "SwapCached", "AnonPages", "Slab", "KernelStack", "PageTables",
    "SecPageTables", "VmallocUsed", "Percpu", "Hugetlb", "Zspages", "PerCpuLists",
)  # fmt: skip
_PAGE_TABLE_LEVELS = ("DirectMap4k", "DirectMap2M", "DirectMap1G")


class Amount(Record, frozen=True):
    """A line of /proc/meminfo.

    ``item``: as there (``MemFree``), or one of ours: ``Unaccounted``: memory in use that no counter has,
    mostly drivers' pages; ``PerCpuLists``: free pages on lists of CPUs; ``Zspages``: of zsmalloc.
    ``memory_percent``: of MemTotal. ``amount_bytes`` is None where the dump lacks it.
    """

    item: str
    amount_bytes: int | None
    memory_percent: float | None


class Given(NamedTuple):
    """Rows of other readers, which were read before."""

    counters: Sequence[VmCounter]
    zones: Sequence[Zone]
    hugepages: Sequence[HugePages]
    on_cpus: int | None


def memory_amounts(survey: Survey, given: Given) -> Iterator[Amount]:
    """The lines in the order of /proc/meminfo; a line is left out where this kernel has no counter for it."""
    found = _amounts(survey, given)
    total = found["MemTotal"]
    for item, amount in found.items():
        share = None if amount is None or not total else round(100 * amount / total, 1)
        yield Amount(item=item, amount_bytes=amount, memory_percent=share)


def _amounts(survey: Survey, given: Given) -> dict[str, int | None]:
    kernel, page = survey.kernel, survey.kernel.page_size
    counts = counters_by_name(list(given.counters))
    found: dict[str, int | None] = {
        "MemTotal": managed_bytes(survey),
        "MemFree": scaled(counts.get("nr_free_pages"), page),
    }
    found["MemAvailable"] = _available(survey, counts, given.zones)
    buffers = _buffers(survey)
    found["Buffers"] = scaled(buffers, page)
    if "nr_swapcached" not in counts and has_swap_spaces(survey):
        counts = {**counts, "nr_swapcached": swap_cache_pages(survey)}
    found["Cached"] = _cached(counts, buffers, page)
    for item, names in _COUNTED.items():
        if names[0] in counts:
            found[item] = scaled(pages_of(counts, *names), page)
    found["SwapTotal"] = _number(survey, ("total_swap_pages",), page)
    found["SwapFree"] = _number(survey, ("nr_swap_pages",), page)
    found |= _zswap(survey, page)
    # counted in kB (NR_KERNEL_STACK_KB)
    found["KernelStack"] = scaled(counts.get("nr_kernel_stack"), _KB)
    found |= _commitment(survey, found, given.hugepages)
    found["VmallocUsed"] = _vmalloc(survey, counts, page)
    found["Percpu"] = _percpu(survey, page)
    if kernel.symbols.has("num_poisoned_pages"):
        found["HardwareCorrupted"] = _number(survey, ("num_poisoned_pages",), page)
    for item, name in _HUGE.items():
        if name in counts:
            found[item] = scaled(counts[name], page * huge_unit(kernel))
    if kernel.symbols.has("totalcma_pages"):
        found["CmaTotal"] = _number(survey, ("totalcma_pages",), page)
    found["Hugetlb"] = _hugetlb(given.hugepages)
    found |= _direct_map(survey)
    found["Zspages"] = scaled(counts.get("nr_zspages", 0), page)
    found["PerCpuLists"] = given.on_cpus
    found["Unaccounted"] = _unaccounted(kernel, found)
    return found


def _unaccounted(kernel: Machine, found: Mapping[str, int | None]) -> int | None:
    # with VMAP_STACK the stacks of tasks are vmalloc's
    own = ("KernelStack",) if kernel.has_member("struct task_struct", "stack_vm_area") else ()
    parts = [found.get(item, 0) for item in ACCOUNTED if item not in own]
    total = found["MemTotal"]
    return None if total is None or None in parts else total - sum(one for one in parts if one is not None)


def managed_bytes(survey: Survey) -> int | None:
    """MemTotal: memory that the buddy allocator manages."""
    # an atomic_long_t since 5.0 (ca79b0c211af)
    return _number(survey, ("_totalram_pages", "totalram_pages"), survey.kernel.page_size)


def _number(survey: Survey, names: Sequence[str], unit: int) -> int | None:
    """A variable's number, plain or atomic, times ``unit``; None, and a notice, where the dump lacks it."""
    kernel = survey.kernel
    name = next((name for name in names if kernel.symbols.has(name)), names[0])
    place = kernel.symbols.address(name)
    found = survey.gaps(kernel.read_many("unsigned long", [place], [""]), name)[""][0]
    return scaled(found, unit)


def _available(survey: Survey, counts: Mapping[str, int | None], zones: Sequence[Zone]) -> int | None:
    """Memory for new programs without swapping: si_mem_available()."""
    kernel = survey.kernel
    reserve = _number(survey, ("totalreserve_pages",), 1)
    free = counts.get("nr_free_pages")
    cache = pages_of(counts, "nr_active_file", "nr_inactive_file")
    slabs = pages_of(counts, "nr_slab_reclaimable", "nr_kernel_misc_reclaimable")
    if slabs is None and "nr_kernel_misc_reclaimable" not in counts:
        slabs = counts.get("nr_slab_reclaimable")
    marks = [zone.low for zone in zones]
    low = None if None in marks else sum(mark for mark in marks if mark is not None)
    if reserve is None or free is None or cache is None or slabs is None or low is None:
        return None
    pages = free - reserve + cache - min(cache // 2, low) + slabs - min(slabs // 2, low)
    return max(pages, 0) * kernel.page_size


def _buffers(survey: Survey) -> int | None:
    """Pages of the page cache of block devices themselves: nr_blockdev_pages()."""
    kernel = survey.kernel
    if not kernel.symbols.has("blockdev_superblock"):
        return None
    inodes = for_each_inode(kernel, kernel.read_pointer(kernel.symbols.address("blockdev_superblock")))
    survey.walked(inodes, "block devices")
    fields = Fields(kernel, "struct inode", {"pages": ("i_mapping->nrpages",)}, ("pages",))
    pages = survey.read(fields, inodes.addresses, "page caches of block devices")["pages"]
    return None if None in pages or not inodes.complete else sum(pages)


def _cached(counts: Mapping[str, int | None], buffers: int | None, page: int) -> int | None:
    files, swap = counts.get("nr_file_pages"), counts.get("nr_swapcached", 0)
    if files is None or swap is None or buffers is None:
        return None
    return max(files - swap - buffers, 0) * page


def _zswap(survey: Survey, page: int) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    if survey.kernel.symbols.has("zswap_pool_total_size"):
        found["Zswap"] = _number(survey, ("zswap_pool_total_size",), 1)
    if survey.kernel.symbols.has("zswap_stored_pages"):
        found["Zswapped"] = _number(survey, ("zswap_stored_pages",), page)
    return found


def _commitment(
    survey: Survey, found: Mapping[str, int | None], hugepages: Sequence[HugePages]
) -> dict[str, int | None]:
    """CommitLimit and Committed_AS: vm_commit_limit(), vm_memory_committed()."""
    kernel, total, swap = survey.kernel, found["MemTotal"], found["SwapTotal"]
    place = kernel.symbols.address("vm_committed_as")
    (committed,) = percpu.counters(survey, [place], "committed memory")
    kbytes, ratio = _setting(survey, "sysctl_overcommit_kbytes"), _setting(survey, "sysctl_overcommit_ratio")
    huge = _hugetlb(hugepages)
    limit = None
    if total is not None and swap is not None and ratio is not None and huge is not None:
        page = kernel.page_size
        own = kbytes * _KB if kbytes else (total - huge) // page * ratio // 100 * page
        limit = own // page * page + swap
    return {"CommitLimit": limit, "Committed_AS": scaled(committed, kernel.page_size)}


def _setting(survey: Survey, name: str) -> int | None:
    kernel = survey.kernel
    kind = "unsigned long" if name.endswith("_kbytes") else "int"
    columns = kernel.read_many(kind, [kernel.symbols.address(name)], [""])
    found: int | None = survey.gaps(columns, name)[""][0]
    return found


def _vmalloc(survey: Survey, counts: Mapping[str, int | None], page: int) -> int | None:
    if "nr_vmalloc" in counts:
        return scaled(counts["nr_vmalloc"], page)
    return _number(survey, ("nr_vmalloc_pages",), page)


def _percpu(survey: Survey, page: int) -> int | None:
    """Pages of dynamic per-CPU memory, over all CPUs: pcpu_nr_pages()."""
    kernel = survey.kernel
    populated = _number(survey, ("pcpu_nr_populated",), page)
    place = kernel.symbols.address("pcpu_nr_units")
    units = survey.gaps(kernel.read_many("int", [place], [""]), "pcpu_nr_units")[""][0]
    return None if populated is None or units is None else populated * units


def _hugetlb(hugepages: Sequence[HugePages]) -> int | None:
    parts = [one.total_bytes for one in hugepages]
    return None if None in parts else sum(one for one in parts if one is not None)


def _direct_map(survey: Survey) -> dict[str, int | None]:
    """The direct map by page size, on x86: arch_report_meminfo()."""
    kernel = survey.kernel
    if not kernel.symbols.has("direct_pages_count"):
        return {}
    # enum pg_level: PG_LEVEL_4K is 1
    start = kernel.symbols.address("direct_pages_count") + kernel.pointer_size
    places = [start + kernel.pointer_size * level for level in range(len(_PAGE_TABLE_LEVELS))]
    counts = survey.gaps(kernel.read_many("unsigned long", places, [""]), "direct_pages_count")[""]
    unit = kernel.page_size
    found: dict[str, int | None] = {}
    for item, count in zip(_PAGE_TABLE_LEVELS, counts, strict=True):
        found[item] = scaled(count, unit)
        unit *= huge_unit(kernel)
    return found
