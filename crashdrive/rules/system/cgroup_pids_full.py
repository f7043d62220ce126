"""A cgroup has as many tasks as it may have: fork() fails in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.cgroups.groups import CgroupRow

PERCENT = 95


@rule(
    id="cgroup-pids-full",
    severity="warning",
    looks_at=("cgroups.cgroups",),
    message="{count:cgroup has|cgroups have} as many tasks as pids.max allows",
    threshold=f"{PERCENT} % of pids.max, or more",
    explanation="fork() fails with EAGAIN in the cgroup, though the machine has enough pids.",
    advice="See who is in it: crashdrive report cgroups --path PATH --tasks.",
    reference="kernel/cgroup/pids.c: pids_can_fork()",
)
def cgroup_pids_full(cgroups: Iterable[CgroupRow]) -> Iterator[Match]:
    return matches((row for row in cgroups if _is_full(row)), _told)


def _is_full(row: CgroupRow) -> bool:
    return (
        row.pids_max is not None
        and row.pids_current is not None
        and row.pids_current * 100 >= row.pids_max * PERCENT
    )


def _told(row: CgroupRow) -> str:
    return f"{row.path or '(unknown)'}: {row.pids_current} of {row.pids_max}"
