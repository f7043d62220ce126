"""Workers that have been running one item of work for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.workqueues.pools import BusyWorker


SECONDS = 30.0


@rule(
    id="work-running-long",
    severity="warning",
    looks_at=("workqueues.busy",),
    message="{count:worker has|workers have} been running one item of work for long",
    threshold=f"{SECONDS:.0f} seconds on its CPU without sleeping; kernels before 6.5 don't count it",
    explanation="A task that flushes that work, or waits for the queue, waits as long.",
    advice="crashdrive report stacks --pid PID shows where it is; crashdrive report hang who waits for it.",
    reference="kernel/workqueue.c: process_one_work()",
)
def work_running_long(workers: Iterable[BusyWorker]) -> Iterator[Match]:
    late = (worker for worker in workers if (worker.running_seconds or 0) >= SECONDS)
    return matches(late, _told)


def _told(worker: BusyWorker) -> str:
    what = f"{worker.work_function} of {worker.workqueue}"
    return f"{worker.comm} ({worker.pid}): {what} for {worker.running_seconds:.1f} s"
