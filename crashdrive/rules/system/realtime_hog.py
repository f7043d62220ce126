"""Tasks of real-time classes, the kernel's own among them, that have been running without a break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.cpu_states import CpuState

SECONDS = 1.0
_CLASSES = ("rt", "deadline", "stop")


@rule(
    id="realtime-hog",
    severity="warning",
    looks_at=("cpu.cpus",),
    message="{count:real-time task has|real-time tasks have} been running without a break",
    threshold=f"a task of class rt, deadline or stop ran for {SECONDS:.0f} s or more without a switch",
    explanation=(
        "No ordinary task runs on that CPU meanwhile, nor a kernel thread of a lower priority: work, RCU,"
        " softirqs wait. A thread of class stop waits for other CPUs, or what it runs is slow."
    ),
    advice="See what it does: crashdrive report stacks --running; and kernel.sched_rt_runtime_us.",
    reference="kernel/sched/rt.c",
)
def realtime_hog(cpus: Iterable[CpuState]) -> Iterator[Match]:
    hogs = (row for row in cpus if row.sched_class in _CLASSES and (row.running_seconds or 0) >= SECONDS)
    return matches(hogs, lambda row: f"cpu {row.cpu}: {row.comm} ({row.pid}) for {row.running_seconds:.1f} s")
