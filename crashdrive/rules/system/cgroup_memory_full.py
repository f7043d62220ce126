"""A cgroup uses nearly all the memory that it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.cgroups.groups import CgroupRow

PERCENT = 98
MEGA = 1 << 20


@rule(
    id="cgroup-memory-full",
    severity="warning",
    looks_at=("cgroups.cgroups",),
    message="{count:cgroup uses|cgroups use} nearly all the memory that memory.max allows",
    threshold=f"{PERCENT} % of memory.max or more are in use, at most half of that for files",
    explanation=(
        "Each allocation in the cgroup has to reclaim first; where nothing is left to reclaim, its tasks "
        "are killed."
    ),
    advice="See what uses it: crashdrive report cgroups --show memory. Raise memory.max, or look for a leak.",
    reference="mm/memcontrol.c: try_charge_memcg()",
)
def cgroup_memory_full(cgroups: Iterable[CgroupRow]) -> Iterator[Match]:
    return matches((row for row in cgroups if _is_full(row)), _told)


def _is_full(row: CgroupRow) -> bool:
    used, most = row.memory_bytes, row.memory_max
    if used is None or not most or used * 100 < most * PERCENT:
        return False
    return (row.file_bytes or 0) * 2 <= used


def _told(row: CgroupRow) -> str:
    used, most = row.memory_bytes or 0, row.memory_max or 0
    return f"{row.path or '(unknown)'}: {used // MEGA} of {most // MEGA} MiB"
