"""The real-time class has used up its time on a CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.cpu_states import CpuState


@rule(
    id="realtime-throttled",
    severity="warning",
    looks_at=("cpu.cpus",),
    message="real-time tasks are throttled on {count:CPU|CPUs}",
    threshold="rt_rq.rt_throttled",
    explanation="They used up sched_rt_runtime_us of the period, and wait for the next one.",
    advice="See which want to run: crashdrive report cpu; one of them may be in a loop.",
    reference="kernel/sched/rt.c: sched_rt_runtime_exceeded()",
)
def realtime_throttled(cpus: Iterable[CpuState]) -> Iterator[Match]:
    throttled = (row for row in cpus if row.rt_throttled)
    return matches(
        throttled, lambda row: f"cpu {row.cpu}: real-time tasks that want to run: {row.realtime_tasks}"
    )
