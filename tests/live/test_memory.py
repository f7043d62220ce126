"""Memory of real dumps: as crash's kmem counts it, and as drgn does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report

pytestmark = pytest.mark.live
PAGE = 4096


@pytest.fixture(scope="module")
def crash(lab: Any) -> Crash:
    return Crash(lab.session, keep=False)


@pytest.fixture(scope="module")
def found(crash: Crash) -> Report:
    """All of the report."""
    return crash.run_report("memory", top=0, slabs=True, areas=True, counters=True, blocks=True)


def test_amounts_as_kmem_has_them(crash: Crash, found: Report) -> None:
    """But for slabs, of which crash 8.0.2 counts a part on 6.1, and committed memory, without CPUs' parts."""
    ours = {row.item: row.amount_bytes for row in found.table("amounts").rows}
    said = {row.name: row.pages * PAGE for row in crash.kmem("info")}
    for name, item in (
        ("TOTAL MEM", "MemTotal"), ("FREE", "MemFree"), ("BUFFERS", "Buffers"), ("TOTAL HUGE", "Hugetlb"),
        ("TOTAL SWAP", "SwapTotal"), ("COMMIT LIMIT", "CommitLimit"),
    ):  # fmt: skip
        assert said[name] == ours[item], name


def test_counters_as_kmem_has_them(crash: Crash, found: Report) -> None:
    ours = {row.counter: row.count for row in found.table("counters").rows}
    said = {
        row.name.lower(): row.value for row in crash.kmem("statistics") if row.section != "VM_EVENT_STATES"
    }
    common = {name for name in said.keys() & ours.keys() if "huge" not in name and "pmd" not in name}
    assert len(common) > 30
    assert {name: said[name] for name in common} == {name: ours[name] for name in common}


def test_slab_caches_as_kmem_has_them(crash: Crash, found: Report) -> None:
    ours = {row.kmem_cache: row for row in found.table("slabs").rows}
    said = [row for row in crash.kmem("caches") if row.total is not None]
    assert {row.cache for row in said} == ours.keys()
    for row in said:
        cache = ours[row.cache]
        assert (cache.name, cache.object_bytes, cache.slab_count, cache.total_objects) == (
            row.name, row.objsize, row.slabs, row.total,
        )  # fmt: skip
        # crash looks into what CPUs keep: that counts as in use here
        assert row.allocated <= cache.active_objects


def test_free_blocks_as_kmem_has_them(crash: Crash, found: Report) -> None:
    ours = Counter[int]()
    for row in found.table("free").rows:
        ours[row.block_bytes] += row.free_blocks
    said = Counter[int]()
    for zone in crash.kmem("free"):
        for area in getattr(zone, "areas", ()):
            said[area.size] += area.blocks
    assert said
    assert +ours == +said


def test_areas_of_vmalloc_as_kmem_has_them(crash: Crash, found: Report) -> None:
    ours = {row.address: row.area_bytes for row in found.table("areas").rows if row.caller}
    assert ours == {row.start: row.size for row in crash.kmem("areas")}


def test_slab_caches_as_drgn_has_them(found: Report, peer: Any) -> None:
    from drgn.helpers.linux.slab import for_each_slab_cache, slab_cache_usage

    ours = {row.kmem_cache: row for row in found.table("slabs").rows}
    seen = set()
    for cache in for_each_slab_cache(peer):
        row, usage = ours[cache.value_()], slab_cache_usage(cache)
        seen.add(cache.value_())
        assert (row.slab_count, row.total_objects) == (usage.num_slabs, usage.num_objs)
        # drgn looks into what CPUs keep: that counts as in use here
        assert row.total_objects - row.active_objects <= usage.free_objs
    assert seen == ours.keys()


def test_processes_as_drgn_has_them(found: Report, peer: Any) -> None:
    """drgn adds up what CPUs hold that are online: a panic takes the others off line."""
    from drgn.helpers.linux.mm import task_rss
    from drgn.helpers.linux.pid import find_task

    batch = 32 * PAGE if peer.type("struct mm_struct").has_member("rss_stat") else 0
    compared = 0
    for row in found.table("processes").rows:
        task = find_task(peer, row.pid)
        # its leader may have ended, and other threads have the memory
        if task.mm.value_() == row.mm:
            theirs = task_rss(task)
            compared += 1
            for ours, pages in (
                (row.file_bytes, theirs.file), (row.anonymous_bytes, theirs.anon),
                (row.shmem_bytes, theirs.shmem), (row.swap_bytes, theirs.swap),
            ):  # fmt: skip
                assert abs(ours - PAGE * pages) <= batch, row.comm
    assert compared > 40


def test_limits_as_drgn_has_them(found: Report, peer: Any) -> None:
    from drgn.helpers.linux.mm import totalram_pages, vm_commit_limit

    ours = {row.item: row.amount_bytes for row in found.table("amounts").rows}
    assert ours["MemTotal"] == PAGE * totalram_pages(peer)
    assert ours["CommitLimit"] == PAGE * vm_commit_limit(peer)
