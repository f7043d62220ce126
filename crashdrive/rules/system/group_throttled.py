"""Cgroups whose tasks are throttled: they used up their CPU quota."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.bandwidth import LimitedGroup

PART = 0.25


@rule(
    id="group-throttled",
    severity="info",
    looks_at=("cpu.limits",),
    message="{count:cgroup uses up its|cgroups use up their} CPU quota",
    threshold=f"throttled now, or in {PART:.0%} or more of its periods",
    explanation="The tasks can't run until the next period, even if they hold locks of the kernel.",
    advice="Compare quota_seconds and throttled_seconds: crashdrive report cpu. Raise cpu.max if it matters.",
    reference="kernel/sched/fair.c: throttle_cfs_rq()",
)
def group_throttled(groups: Iterable[LimitedGroup]) -> Iterator[Match]:
    return matches((row for row in groups if _is_held(row)), _told)


def _is_held(row: LimitedGroup) -> bool:
    often = (row.throttled_periods or 0) >= PART * (row.periods or 0) > 0
    return often or bool(row.throttled_cpus)


def _told(row: LimitedGroup) -> str:
    now = f", now on CPUs {', '.join(map(str, row.throttled_cpus))}" if row.throttled_cpus else ""
    return f"{row.cgroup}: {row.throttled_periods} of {row.periods} periods, {row.throttled_seconds} s{now}"
