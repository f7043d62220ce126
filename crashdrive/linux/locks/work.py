"""Flushed work and the worker that runs it, by the barrier that the flusher queued behind the work.

``flush_work()`` puts a ``struct wq_barrier`` on its stack behind the work, on the list ``scheduled`` of the
worker that runs it (kernel/workqueue.c: insert_wq_barrier()).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_BARRIER, _WORK, _WORKER, _POOL = (
    "struct wq_barrier", "struct work_struct", "struct worker", "struct worker_pool",
)  # fmt: skip


class Flushed(NamedTuple):
    """What a flusher waits for: its completion, the work, the task of the worker that runs it."""

    completion: int
    work: int
    task: int


def flushed(survey: Survey, completions: Sequence[int]) -> Iterator[Flushed]:
    """Those of the completions that are in barriers behind running work; pending work has no worker."""
    kernel = survey.kernel
    workers = _workers(survey)
    barriers = [one - kernel.offset(_BARRIER, "done") for one in completions]
    entry = kernel.offset(_WORK, "entry")
    for completion, barrier in zip(completions, barriers, strict=True):
        node = barrier + kernel.offset(_BARRIER, "work") + entry
        others = [work + entry for work in kernel.walk_list(node, _WORK, "entry").addresses]
        running = [workers[one] for one in others if one in workers]
        if len(running) == 1 and all(running[0]):
            yield Flushed(completion, *running[0])


def _workers(survey: Survey) -> dict[int, tuple[int, int]]:
    """The work and the task of each worker of all pools, by the address of its list ``scheduled``."""
    kernel = survey.kernel
    pools = kernel.walk_idr(kernel.symbols.address("worker_pool_idr"))
    survey.walked(pools, "pools of workers")
    heads = [pool + kernel.offset(_POOL, "workers") for _, pool in pools]
    found = kernel.walk_lists(heads, _WORKER, "node")
    survey.walked(found, "workers")
    columns = survey.gaps(found.read(["current_work", "task"]), "workers")
    scheduled = kernel.offset(_WORKER, "scheduled")
    return {
        worker + scheduled: (work or 0, task or 0)
        for worker, work, task in zip(found.addresses, *columns.columns, strict=True)
    }
