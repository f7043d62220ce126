"""Runnable tasks that have been waiting for their CPU for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.queued import QueuedTask

SECONDS = 3.0


@rule(
    id="task-starved",
    severity="warning",
    looks_at=("cpu.queued",),
    message="{count:task has|tasks have} been waiting for a CPU for seconds",
    threshold=f"queued for {SECONDS:.0f} s or more without running",
    explanation="The task that runs on that CPU is stuck in the kernel, or of a higher class.",
    advice="See what runs there and where: crashdrive report cpu, crashdrive report stacks --running.",
    reference="kernel/sched/stats.h: sched_info_enqueue()",
)
def task_starved(tasks: Iterable[QueuedTask]) -> Iterator[Match]:
    waiting = [row for row in tasks if (row.waiting_seconds or 0) >= SECONDS and not row.delayed]
    waiting.sort(key=lambda row: -(row.waiting_seconds or 0))
    return matches(waiting, _told)


def _told(row: QueuedTask) -> str:
    return f"cpu {row.cpu}: {row.comm} ({row.pid}), {row.sched_class}, for {row.waiting_seconds:.1f} s"
