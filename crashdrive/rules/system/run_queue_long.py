"""CPUs with many runnable tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.cpu_states import CpuState

TASKS = 8


@rule(
    id="run-queue-long",
    severity="warning",
    looks_at=("cpu.cpus",),
    message="{count:CPU has a long run queue|CPUs have long run queues}",
    threshold=f"{TASKS} tasks or more run or want to on one CPU",
    explanation="Each gets a small part of the CPU; whatever waits for one of them waits long.",
    advice="See the tasks: crashdrive report cpu. Where other CPUs are idle, look at affinities and cpusets.",
    reference="kernel/sched/core.c: struct rq, nr_running",
)
def run_queue_long(cpus: Iterable[CpuState]) -> Iterator[Match]:
    busy = (row for row in cpus if (row.runnable or 0) >= TASKS)
    return matches(busy, lambda row: f"cpu {row.cpu}: {row.runnable} tasks, {row.comm} ({row.pid}) runs")
