"""Rules over memory: each fires on what it is for, and is silent on what is near it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crashdrive.linux.mm.cgroups import CgroupMemory
from crashdrive.linux.mm.free_areas import FreeBlocks
from crashdrive.linux.mm.meminfo import Amount
from crashdrive.linux.mm.nodes import MemoryNode, MemoryZone
from crashdrive.linux.mm.out_of_memory import FailedRequest, OomEvent
from crashdrive.linux.mm.slabs import SlabCache
from crashdrive.rules import Facts, judge, rule_for


def of(kind: Any, **fields: Any) -> Any:
    """A record of which nothing else is known."""
    return kind(**dict.fromkeys(kind.__struct_fields__) | fields)


def amount(item: str, percent: float, size: int = 1 << 30) -> Amount:
    return Amount(item=item, amount_bytes=size, memory_percent=percent)


def free(order: int, blocks: int) -> Any:
    size = 4096 << order
    return of(
        FreeBlocks, node=0, zone_name="Normal", order=order, block_bytes=size, free_blocks=blocks,
        free_bytes=size * blocks,
    )  # fmt: skip


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    (
        "oom", "memory.oom",
        [of(OomEvent, oom_timestamp=1.0), of(OomEvent, oom_timestamp=1.0, constraint="NONE")],
        [of(OomEvent, oom_timestamp=1.0, constraint="MEMCG")],
    ),
    (
        "allocation-failures", "memory.failures",
        [FailedRequest(comm="x", order=4, gfp_flags=None, count=1, first_seen=1.0, last_seen=1.0)], [],
    ),
    (
        "zone-below-min", "memory.zones", [of(MemoryZone, node=0, watermark="below min")],
        [of(MemoryZone, node=0, watermark="below low"), of(MemoryZone, node=0)],
    ),
    (
        "slab-leak", "memory.slabs", [of(SlabCache, memory_percent=10.0, reclaimable=False)],
        [of(SlabCache, memory_percent=60.0, reclaimable=True), of(SlabCache)],
    ),
    (
        "swap-full", "memory.amounts", [amount("SwapTotal", 10.0, 1000), amount("SwapFree", 0.1, 49)],
        [amount("SwapTotal", 10.0, 1000), amount("SwapFree", 0.5, 50)],
    ),
    (
        "memory-unaccounted", "memory.amounts", [amount("Unaccounted", 25.0, 1 << 28)],
        [amount("Unaccounted", 99.0, 1 << 27), amount("Unaccounted", 24.0), amount("Slab", 99.0)],
    ),
    ("page-tables-large", "memory.amounts", [amount("PageTables", 10.0)], [amount("PageTables", 9.9)]),
    ("shared-memory-large", "memory.amounts", [amount("Shmem", 50.0)], [amount("Shmem", 49.9)]),
    (
        "kswapd-gave-up", "memory.nodes", [of(MemoryNode, node=0, kswapd_failures=16)],
        [of(MemoryNode, node=0, kswapd_failures=15), of(MemoryNode, node=0)],
    ),
    (
        "memory-fragmented", "memory.free", [free(0, 1 << 15), free(3, 0)],
        [free(0, 1 << 15), free(3, 1)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "rows", "near"), CASES, ids=[name for name, *_ in CASES])
def test_a_rule_fires_and_is_silent(name: str, source: str, rows: list[Any], near: list[Any]) -> None:
    for given, expected in ((rows, [name]), (near, [])):
        found = judge(Facts(given={source: given}), [rule_for(name)])
        assert [finding.kind for finding in found.findings] == expected
        assert found.complete


def test_a_zone_with_little_free_is_not_fragmented() -> None:
    facts = Facts(given={"memory.free": [free(0, 100), free(3, 0)]})
    assert judge(facts, [rule_for("memory-fragmented")]).findings == ()


def test_a_cgroup_that_met_its_limit() -> None:
    killed = of(OomEvent, oom_timestamp=1.0, constraint="MEMCG", cgroup="/a")
    limited = of(CgroupMemory, cgroup="/a", limit_bytes=1 << 20, oom_kills=1)
    above = of(CgroupMemory, cgroup="/", oom_kills=1)
    for events, groups, expected in (
        ([killed], [], 1),
        ([], [limited], 1),
        # events count for the groups above, too
        ([], [above], 0),
        ([of(OomEvent, oom_timestamp=1.0)], [of(CgroupMemory, limit_bytes=1 << 20)], 0),
    ):
        given: dict[str, Sequence[Any]] = {"memory.oom": events, "memory.cgroups": groups}
        found = judge(Facts(given=given), [rule_for("memory-cgroup-oom")]).findings
        assert len(found) == expected
