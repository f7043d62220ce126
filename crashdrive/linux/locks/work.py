"""Flushed work and the worker that runs it, by the barrier that the flusher queued behind the work.

``flush_work()`` puts a ``struct wq_barrier`` on its stack behind the work, on the list ``scheduled`` of the
worker that runs it (kernel/workqueue.c: insert_wq_barrier()). Behind work that no worker has taken yet, the
barrier is on the list of the pool. There the worker of a CPU's pool that runs without sleeping is in its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_BARRIER, _WORK, _WORKER, _POOL = (
    "struct wq_barrier", "struct work_struct", "struct worker", "struct worker_pool",
)  # fmt: skip
# on_cpu: with CONFIG_SMP alone
_OF_WORKER = {"work": ("current_work",), "task": ("task",), "on_cpu": ("task->on_cpu",)}


class Flushed(NamedTuple):
    """What a flusher waits for: its completion, the work, the task of the worker that runs it or keeps the
    pool from it; None where no worker does.
    """

    completion: int
    work: int
    task: int | None


class _Worker(NamedTuple):
    """A worker: its list, the pool, and what it runs."""

    scheduled: int
    pool: int
    work: int
    task: int
    on_cpu: bool


def flushed(survey: Survey, completions: Sequence[int]) -> Iterator[Flushed]:
    """Those of the completions that are in barriers behind work of a worker or of a pool."""
    kernel = survey.kernel
    pools = _pools(survey)
    workers = list(_workers(survey, list(pools)))
    running = {one.scheduled: one for one in workers if one.work and one.task}
    worklists = {pool + kernel.offset(_POOL, "worklist"): pool for pool in pools}
    barriers = [one - kernel.offset(_BARRIER, "done") for one in completions]
    entry = kernel.offset(_WORK, "entry")
    for completion, barrier, is_one in zip(
        completions, barriers, _are_barriers(survey, barriers), strict=True
    ):
        node = barrier + kernel.offset(_BARRIER, "work") + entry
        others = [work + entry for work in kernel.walk_list(node, _WORK, "entry").addresses]
        taken = [running[one] for one in others if one in running]
        pending = [worklists[one] for one in others if one in worklists]
        if len(taken) == 1:
            yield Flushed(completion, taken[0].work, taken[0].task)
        elif len(pending) == 1 and others[-1] not in worklists:
            # the barrier stands right behind its work
            keeper = _keeper(workers, pending[0]) if pools[pending[0]] else None
            yield Flushed(completion, others[-1] - entry, keeper)
        elif is_one:
            message = f"work that is flushed: the barrier at {barrier:#x} leads to no worker and no pool"
            survey.miss([Notice(kind="node", message=message)])


def _are_barriers(survey: Survey, places: Sequence[int]) -> list[bool]:
    """Which of these are barriers: other completions of flushers are in other structures, or alone."""
    kernel = survey.kernel
    if not kernel.symbols.has("wq_barrier_func"):
        return [False] * len(places)
    function = kernel.symbols.address("wq_barrier_func")
    at = kernel.offset(_BARRIER, "work.func")
    return [word == function for word in kernel.window().words([place + at for place in places])]


def _keeper(workers: Sequence[_Worker], pool: int) -> int | None:
    """The worker that runs, of a pool that lets one run at a time."""
    running = [one.task for one in workers if one.pool == pool and one.work and one.on_cpu]
    return running[0] if len(running) == 1 else None


def _pools(survey: Survey) -> dict[int, bool]:
    """All pools, each with whether it is of a CPU."""
    kernel = survey.kernel
    pools = kernel.walk_idr(kernel.symbols.address("worker_pool_idr"))
    survey.walked(pools, "pools of workers")
    places = [pool for _, pool in pools]
    columns = survey.gaps(kernel.read_many(_POOL, places, ["cpu"]), "pools of workers")
    return {pool: cpu is not None and cpu >= 0 for pool, cpu in zip(places, columns["cpu"], strict=True)}


def _workers(survey: Survey, pools: Sequence[int]) -> Iterator[_Worker]:
    """The workers of these pools."""
    kernel = survey.kernel
    heads = [pool + kernel.offset(_POOL, "workers") for pool in pools]
    found = kernel.walk_lists(heads, _WORKER, "node")
    survey.walked(found, "workers")
    fields = Fields(kernel, _WORKER, _OF_WORKER, ("work", "task"))
    rows = survey.rows(fields, found.addresses, "workers")
    scheduled = kernel.offset(_WORKER, "scheduled")
    for worker, number, row in zip(found.addresses, found.walk.lists, rows, strict=True):
        work, task, on_cpu = row["work"] or 0, row["task"] or 0, bool(row["on_cpu"])
        yield _Worker(worker + scheduled, pools[number], work, task, on_cpu)
