"""Memory as the report has it, against the guest's /proc from right before its panic.

The guest went on for a moment after it was read: it wrote its truth to a disk, which went through the page
cache, and made a process or two. What that can't change has to be the same.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "memory"
PAGE = 4096
KB = 1024
# what the moment took at most: pages of the cache, of slabs, of a process
MOMENT = 8 << 20
# what a counter lacks at most: 125 pages of each CPU
HELD = 2 * 125 * PAGE
# of /proc/meminfo: what is in other tables, or always the same
ELSEWHERE = {
    "HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp", "Hugepagesize", "VmallocTotal",
    "VmallocChunk", "NFS_Unstable",
}  # fmt: skip
MOVING = {
    "MemFree", "MemAvailable", "Buffers", "Cached", "Active", "Inactive", "Active(anon)", "Inactive(anon)",
    "Active(file)", "Inactive(file)", "Dirty", "Writeback", "AnonPages", "KReclaimable", "Slab",
    "SReclaimable", "SUnreclaim",
}  # fmt: skip
# what a process takes that starts or ends
SLIGHT = {"Mapped", "PageTables", "KernelStack", "VmallocUsed", "Committed_AS"}
PROCESS = 1024 * KB


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    crash = Crash(guest.session, keep=False)
    return crash.run_report(REPORT, top=0, blocks=True, slabs=True, areas=True, counters=True)


def text(guest: Guest, name: str) -> str:
    return (guest.folder / "truth/proc" / name).read_text(errors="replace")


def of_dump(dump: str) -> Report:
    (folder,) = (folder for folder in report_folders(REPORT) if folder.name.startswith(dump))
    with replayed(folder) as crash:
        return crash.run_report(REPORT)


def test_amounts(guest: Guest, reported: Report) -> None:
    lines = (line.split() for line in text(guest, "meminfo").splitlines())
    said = {line[0].rstrip(":"): int(line[1]) * KB for line in lines}
    found = {row.item: row.amount_bytes for row in reported.table("amounts").rows}
    assert said.keys() - found.keys() == ELSEWHERE
    assert found.keys() - said.keys() == {"CmaFree", "CmaTotal", "Zspages", "PerCpuLists", "Unaccounted"}
    for item in said.keys() - ELSEWHERE - MOVING - SLIGHT:
        assert found[item] == said[item], item
    for item in SLIGHT:
        assert abs(found[item] - said[item]) <= PROCESS, item
    for item in MOVING:
        assert abs(found[item] - said[item]) <= MOMENT, item
    # all that the kernel hands out belongs to somebody, but for pages of drivers
    assert 0 <= found["Unaccounted"] < 0.04 * found["MemTotal"]


def test_counters(guest: Guest, reported: Report) -> None:
    said = {name: int(count) for name, count in map(str.split, text(guest, "vmstat").splitlines())}
    rows = reported.table("counters").rows
    found = {row.counter: row.count for row in rows}
    assert len(rows) == len(found)
    assert not found.keys() - said.keys()
    # what the kernel computes as the file is read
    assert said.keys() - found.keys() == {
        name for name in said if "threshold" in name or "memmap" in name or name == "nr_unstable"
    }
    for row in rows:
        if row.counter_group == "event":
            assert said[row.counter] <= row.count <= said[row.counter] + 20_000, row.counter
        else:
            assert abs(row.count - said[row.counter]) <= MOMENT // PAGE, row.counter
    assert sum(found[name] == said[name] for name in found) > 0.85 * len(found)


def zoneinfo(guest: Guest) -> dict[str, dict[str, Any]]:
    zones: dict[str, dict[str, Any]] = {}
    own: dict[str, Any] = {}
    for line in text(guest, "zoneinfo").splitlines():
        if match := re.match(r"Node (\d+), zone +(\S+)", line):
            own = zones[match[2]] = {}
        elif match := re.match(r" +(pages free|boost|min|low|high|spanned|present|managed) +(\d+)$", line):
            own[match[1]] = int(match[2]) * PAGE
        elif match := re.match(r" +protection: \((.*)\)", line):
            own["protection"] = tuple(int(word) * PAGE for word in match[1].split(","))
    return {name: zone for name, zone in zones.items() if zone["present"]}


def test_zones(guest: Guest, reported: Report) -> None:
    said = zoneinfo(guest)
    if not any("boost" in zone for zone in said.values()):  # the kernel tells it since 5.19
        said = {name: {**zone, "boost": 0} for name, zone in said.items()}
    rows = reported.table("zones").rows
    assert [row.zone_name for row in rows] == list(said)
    for row in rows:
        zone = said[row.zone_name]
        assert abs(row.free_bytes - zone["pages free"]) <= MOMENT
        assert {
            "boost": row.boost_bytes, "min": row.min_bytes, "low": row.low_bytes, "high": row.high_bytes,
            "spanned": row.spanned_bytes, "present": row.present_bytes, "managed": row.managed_bytes,
            "protection": row.protection_bytes,
        } == {name: value for name, value in zone.items() if name != "pages free"}  # fmt: skip
        assert row.watermark == "ok"


def test_free_blocks(guest: Guest, reported: Report) -> None:
    """Blocks add up to what the zone says is free, and are as many as lists by type have."""
    said = {
        line.split()[3]: [int(word) for word in line.split()[4:]]
        for line in text(guest, "buddyinfo").splitlines()
    }
    types = reported.table("migrate_types").rows
    for zone in reported.table("zones").rows:
        rows = [row for row in reported.table("free").rows if row.zone_name == zone.zone_name]
        assert len(rows) == len(said[zone.zone_name])
        # the zone's counter lacks what CPUs haven't added to it yet
        assert abs(sum(row.free_bytes for row in rows) - zone.free_bytes) <= HELD
        grown = [abs(row.free_bytes - PAGE * (count << row.order)) for row, count in zip(
            rows, said[zone.zone_name], strict=True
        )]  # fmt: skip
        assert max(grown) <= MOMENT
        lists = [row.type_blocks for row in types if row.zone_name == zone.zone_name]
        assert [sum(counts) for counts in zip(*lists, strict=True)] == [row.free_blocks for row in rows]


def test_migrate_types(guest: Guest, reported: Report) -> None:
    part = text(guest, "pagetypeinfo").partition("Number of blocks type")[2].splitlines()
    names = part[0].split()
    said = {}
    for line in part[1:]:
        words = line.split()
        said[words[3]] = dict(zip(names, map(int, words[4:]), strict=True))
    for zone, counts in said.items():
        rows = [row for row in reported.table("migrate_types").rows if row.zone_name == zone]
        found = {row.migrate_type: row.page_blocks for row in rows}
        assert found.keys() == counts.keys()
        assert sum(found.values()) == sum(counts.values())
        assert all(abs(found[name] - counts[name]) <= 4 for name in counts)


def test_slab_caches(guest: Guest, reported: Report) -> None:
    """Of most caches nothing was taken meanwhile."""
    lines = [line.split() for line in text(guest, "slabinfo").splitlines()[2:]]
    said = {line[0]: [int(line[at]) for at in (1, 2, 3, 4, 5, 14)] for line in lines}
    found = {
        row.name: [
            row.active_objects, row.total_objects, row.stride_bytes, row.objects_per_slab,
            1 << row.slab_order, row.slab_count,
        ]
        for row in reported.table("slabs").rows
    }  # fmt: skip
    assert found.keys() == said.keys()
    assert sum(found[name] == said[name] for name in said) > 0.9 * len(said)
    for name, values in said.items():
        assert found[name][2:5] == values[2:5], name
        assert abs(found[name][1] - values[1]) <= max(0.1 * values[1], 1000), name
    total = {row.item: row.amount_bytes for row in reported.table("amounts").rows}
    by_kind = {
        kind: sum(row.slab_bytes for row in reported.table("slabs").rows if row.reclaimable is kind)
        for kind in (True, False)
    }
    assert abs(total["SReclaimable"] - by_kind[True]) <= HELD
    # large kmallocs are no cache's
    assert -HELD <= total["SUnreclaim"] - by_kind[False] <= HELD + (4 << 20)


def test_vmalloc(guest: Guest, reported: Report) -> None:
    said: Counter[tuple[Any, ...]] = Counter()
    kinds = {"ioremap", "vmalloc", "vmap", "user", "dma-coherent", "sparse", "vm_map_ram"}
    for line in text(guest, "vmallocinfo").splitlines():
        words = line.split()
        # freed already, and not yet purged
        if "unpurged" not in words:
            pages = [int(word[6:]) for word in words if word.startswith("pages=")]
            caller = words[2].partition("/")[0].removesuffix("+0x0") if "/" in words[2] else None
            kind = " ".join(word for word in words if word in kinds)
            said[int(words[1]), caller, sum(pages) * PAGE, kind] += 1
    rows = reported.table("areas").rows
    found = Counter((row.area_bytes, row.caller, row.page_bytes or 0, row.area_kind) for row in rows)
    # the last process has a stack
    assert (found - said).total() <= 2
    assert (said - found).total() <= 2
    assert sum(row.area_count for row in reported.table("vmalloc").rows) == len(rows)


def test_swap(guest: Guest, reported: Report) -> None:
    said = [line.split() for line in text(guest, "swaps").splitlines()[1:]]
    assert [
        [row.path, row.swap_kind, str(row.size // KB), str(row.used_bytes // KB), str(row.swap_priority)]
        for row in reported.table("swap").rows
    ] == said


def test_huge_pages(guest: Guest, reported: Report) -> None:
    said = dict(re.findall(r"^(Huge\w+): +(\d+)", text(guest, "meminfo"), re.MULTILINE))
    (row,) = (
        row
        for row in reported.table("hugepages").rows
        if row.huge_page_bytes == int(said["Hugepagesize"]) * KB
    )
    assert [row.huge_pages, row.free_pages, row.reserved_pages, row.surplus_pages] == [
        int(said[f"HugePages_{name}"]) for name in ("Total", "Free", "Rsvd", "Surp")
    ]


def test_processes(guest: Guest, reported: Report) -> None:
    """Resident pages as smaps_rollup counts them, page by page."""
    compared = same = 0
    for row in reported.table("processes").rows:
        folder = guest.folder / "truth/proc" / str(row.pid)
        rollup = (folder / "smaps_rollup").read_text() if (folder / "smaps_rollup").exists() else ""
        if match := re.search(r"^Rss: +(\d+) kB", rollup, re.MULTILINE):
            compared += 1
            same += row.rss == int(match[1]) * KB
            assert row.oom_score_adj == int((folder / "oom_score_adj").read_text())
    # the shell that reads all this goes on, and what runs goes on running
    assert same >= compared - 5
    assert reported.table("processes").rows


def test_per_cpu_memory(reported: Report) -> None:
    """Chunks are a part of Percpu; the rest are the kernel's own variables, beside the first one."""
    rows = reported.table("percpu").rows
    said = {row.item: row.amount_bytes for row in reported.table("amounts").rows}["Percpu"]
    assert 0 < sum(row.all_cpu_bytes for row in rows) < said
    assert all(0 <= row.free_unit_bytes <= row.unit_bytes for row in rows)


def test_nothing_is_wrong_where_nothing_is(guest: Guest, reported: Report) -> None:
    assert reported.complete
    if "sysrq" in guest.name:
        assert not reported.findings
        assert not reported.table("oom").rows


def test_a_leak() -> None:
    """120,000 objects of 480 bytes."""
    report = of_dump("6.12-kdump-slableak")
    row = report.table("slabs").rows[0]
    assert (row.name, row.object_bytes, row.reclaimable) == ("lab_leaky", 480, False)
    assert 120_000 <= row.active_objects <= row.total_objects < 121_000
    assert [one.kind for one in report.findings] == ["slab-leak"]


def test_a_task_that_its_cgroup_killed() -> None:
    report = of_dump("6.1-kdump-memcgkill")
    (event,) = report.table("oom").rows
    assert (event.constraint, event.cgroup, event.victim_comm) == ("MEMCG", "/lab", "lab-eater")
    assert event.invoker == "lab-eater"
    # the limit is 16 MB
    assert 12 << 20 < event.victim_anonymous_bytes < 17 << 20
    groups = {row.cgroup: row for row in report.table("cgroups").rows}
    assert (groups["/lab"].limit_bytes, groups["/lab"].oom_kills) == (16 << 20, 1)
    assert groups["/"].limit_bytes is None
    assert [one.kind for one in report.findings] == ["memory-cgroup-oom"]


def test_the_page_cache_by_filesystem(guest: Guest, reported: Report) -> None:
    """Filesystems add up to what the counters say: Buffers, Cached with Shmem; nothing is in two places."""
    files = Crash(guest.session, keep=False).run_report(REPORT, files=True, top=5)
    amounts = {row.item: row.amount_bytes for row in reported.table("amounts").rows}
    rows = files.table("filesystems").rows
    total = sum(row.cached_bytes for row in rows)
    assert abs(total - amounts["Buffers"] - amounts["Cached"]) <= HELD
    assert sum(row.cached_bytes for row in rows if row.type == "bdev") == amounts["Buffers"]
    top = files.table("files").rows
    assert len(top) == 5
    assert [row.cached_bytes for row in top] == sorted((row.cached_bytes for row in top), reverse=True)
    names = {row.path for row in top if row.filesystem == "rootfs"}
    assert "/bin/busybox" in names
