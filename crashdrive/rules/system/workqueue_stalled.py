"""Pools of workers that take no work any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.workqueues.pools import WorkerPool


# wq_watchdog_thresh is 30 by default
SECONDS = 30.0


@rule(
    id="workqueue-stalled",
    severity="critical",
    looks_at=("workqueues.pools",),
    message="{count:pool of workers|pools of workers} took no work for long",
    threshold=f"work waits, and no worker of the pool took any for {SECONDS:.0f} seconds",
    explanation="A task keeps the CPU without sleeping, or no worker can be created for want of memory.",
    advice="See what its workers run (report workqueues), and what its CPU ran (report cpu).",
    reference="kernel/workqueue.c: wq_watchdog_timer_fn()",
)
def workqueue_stalled(pools: Iterable[WorkerPool]) -> Iterator[Match]:
    stuck = (pool for pool in pools if (pool.stalled_seconds or 0) >= SECONDS)
    return matches(stuck, _told)


def _told(pool: WorkerPool) -> str:
    where = "unbound" if pool.cpu is None else f"of CPU {pool.cpu}"
    waiting = counted(pool.pending_work, "item waits", "items wait")
    return f"pool {pool.pool}, {where}: {waiting}, none taken for {pool.stalled_seconds:.1f} s"
