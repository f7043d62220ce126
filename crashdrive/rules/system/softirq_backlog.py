"""Softirqs wait for ksoftirqd, which gets no CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.cpu_states import CpuState
    from crashdrive.linux.sched.queued import QueuedTask

SECONDS = 0.5


@rule(
    id="softirq-backlog",
    severity="warning",
    looks_at=("cpu.cpus", "cpu.queued"),
    message="softirqs wait on {count:CPU|CPUs}",
    threshold=f"softirqs are pending, and ksoftirqd has been waiting for its CPU for {SECONDS} s",
    explanation="Packets, timers, block IO and RCU callbacks of that CPU are late.",
    advice="See what runs there instead: crashdrive report cpu; real-time tasks come before ksoftirqd.",
    reference="kernel/softirq.c: wakeup_softirqd()",
)
def softirq_backlog(cpus: Iterable[CpuState], tasks: Iterable[QueuedTask]) -> Iterator[Match]:
    late = {
        row.cpu: row.waiting_seconds
        for row in tasks
        if row.comm == f"ksoftirqd/{row.cpu}" and (row.waiting_seconds or 0) >= SECONDS
    }
    behind = (row for row in cpus if row.softirqs and row.cpu in late)
    return matches(behind, lambda row: f"cpu {row.cpu}: {', '.join(row.softirqs)} for {late[row.cpu]:.1f} s")
