"""Task groups with a CPU quota (cpu.max, cpu.cfs_quota_us), and how often it was used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.kernfs import kernfs_paths
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

_GROUP, _QUEUE = "struct task_group", "struct cfs_rq"
_FIELDS = {
    "quota": ("cfs_bandwidth.quota",),
    "period": ("cfs_bandwidth.period",),
    "periods": ("cfs_bandwidth.nr_periods",),
    "throttled_periods": ("cfs_bandwidth.nr_throttled",),
    "throttled": ("cfs_bandwidth.throttled_time",),
    "node": ("css.cgroup->kn",),
}
_NO_LIMIT = (1 << 64) - 1
# max_cfs_runtime (kernel/sched/core.c) in nanoseconds, since 5.8 (d505b8af5891)
_MOST = ((1 << 44) - 1) * 1000
_SECOND = 1e9


class LimitedGroup(Record, frozen=True):
    """A cgroup whose fair tasks may use ``quota_seconds`` of all CPUs together in each period.

    ``periods``: those in which it had tasks to run; ``throttled_periods``: those in which its quota was used
    up; ``throttled_seconds``: how long its queues were throttled, summed over CPUs. ``throttled_cpus``: CPUs
    on which it is throttled now. ``cgroup``: its path, None where the dump lacks it.
    """

    cgroup: str | None
    quota_seconds: float | None
    period_seconds: float | None
    periods: int | None
    throttled_periods: int | None
    throttled_seconds: float | None
    throttled_cpus: tuple[int, ...]
    task_group: Address


def limited_groups(survey: Survey) -> Iterator[LimitedGroup]:
    """The groups that have a limit; none where the kernel was built without CFS_BANDWIDTH."""
    kernel = survey.kernel
    if not kernel.has_member(_GROUP, "cfs_bandwidth"):
        return
    groups = kernel.walk_list(kernel.symbols.address("task_groups"), _GROUP, "list")
    survey.walked(groups, "task groups")
    rows = survey.addressed(Fields(kernel, _GROUP, _FIELDS, ("quota",)), groups.addresses, "task groups")
    limited = [(group, row) for group, row in rows if _is_limit(survey, group, row["quota"])]
    names = kernfs_paths(survey, [row["node"] for _, row in limited if row["node"]], "cgroups")
    held = _held(survey, [group for group, _ in limited])
    for group, row in limited:
        yield LimitedGroup(
            cgroup=names.get(row["node"]),
            quota_seconds=_seconds(row["quota"]),
            period_seconds=_seconds(row["period"]),
            periods=row["periods"],
            throttled_periods=row["throttled_periods"],
            throttled_seconds=_seconds(row["throttled"]),
            throttled_cpus=held[group],
            task_group=group,
        )


def _is_limit(survey: Survey, group: int, quota: int | None) -> bool:
    """Whether a quota is one; one that no group can have is noted."""
    if quota is None or quota <= _MOST:
        return True
    if quota != _NO_LIMIT:
        message = f"task group {group:#x}: a quota of {quota} ns is impossible"
        survey.miss([Notice(kind="damaged", message=message)])
    return False


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _SECOND


def _held(survey: Survey, groups: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The CPUs on which each group is throttled."""
    kernel = survey.kernel
    offset = kernel.offset(_GROUP, "cfs_bandwidth.throttled_cfs_rq")
    walked = kernel.walk_lists([group + offset for group in groups], _QUEUE, "throttled_list")
    survey.walked(walked, "throttled queues")
    cpus = survey.gaps(walked.read(["rq->cpu"]), "throttled queues")["rq->cpu"]
    found: dict[int, list[int]] = {group: [] for group in groups}
    for number, cpu in zip(walked.walk.lists, cpus, strict=True):
        if cpu is not None:
            found[groups[number]].append(cpu)
    return {group: tuple(sorted(held)) for group, held in found.items()}
