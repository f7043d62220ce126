"""Pools of workers: the work that each worker runs and since when, and pending work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields, enumerators
from crashdrive.linux.texts import functions
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_POOL, _WORKER, _WORK, _PWQ = (
    "struct worker_pool", "struct worker", "struct work_struct", "struct pool_workqueue",
)  # fmt: skip
_OF_POOL = {
    "id": ("id",),
    "cpu": ("cpu",),
    "progress": ("watchdog_ts", "last_progress_ts"),
    "workers": ("nr_workers",),
    "idle": ("nr_idle",),
    # atomic until 5.17 (bc35f7ef9628)
    "running": ("nr_running.counter", "nr_running"),
    "nice": ("attrs->nice",),
    "manager": ("manager",),
}
_OF_WORKER = {
    "pool": ("pool->id",),
    "pid": ("task->pid",),
    "comm": ("task->comm",),
    "task": ("task",),
    "work": ("current_work",),
    "function": ("current_func",),
    "queue": ("current_pwq->wq->name",),
    # since 6.5 (616db8779b1e): the task's own time on its CPU when it took the work, or last woke up
    "since": ("current_at",),
    "used": ("task->se.sum_exec_runtime",),
    "desc": ("desc",),
}
_OF_WORK = {"function": ("func",), "data": ("data.counter",)}
# a rescuer's mayday work, and a flusher's barriers, are queued like any other work
_NO_CPU = -1


class WorkerPool(Record, frozen=True):
    """A pool of workers, of a CPU or unbound.

    ``cpu``: None of an unbound pool. ``nice``: of its workers, -20 of high priority. ``idle_workers``: of
    ``workers``; ``pending_work``: items that no worker has taken yet. ``stalled_seconds``: since a worker
    last took one; None without pending work. ``managed``: a worker is creating others, or tries to.
    """

    pool: int | None
    cpu: int | None
    nice: int | None
    workers: int | None
    idle_workers: int | None
    running_workers: int | None
    pending_work: int
    stalled_seconds: float | None
    managed: bool | None
    worker_pool: Address


class BusyWorker(Record, frozen=True):
    """A busy worker: it runs ``work_function`` of ``workqueue``.

    ``running_seconds``: how long it has been on its CPU for it without sleeping, as of the CPU's last tick;
    None where the kernel keeps no time (before 6.5). ``description``: the function's own description of its
    work. ``scheduled_work``: items that wait for this worker alone, barriers of flushers included.
    """

    pid: int | None
    comm: str | None
    pool: int | None
    workqueue: str | None
    work_function: str | None
    running_seconds: float | None
    scheduled_work: int
    description: str | None
    work_address: Address
    task: Address


class PendingWork(Record, frozen=True):
    """An item that waits for a worker of a pool."""

    pool: int | None
    workqueue: str | None
    work_function: str | None
    work_address: Address


class Pools(NamedTuple):
    """All pools, busy workers, and pending work."""

    pools: list[WorkerPool]
    busy: list[BusyWorker]
    pending: list[PendingWork]


def worker_pools(survey: Survey) -> Pools:
    """All pools by their numbers."""
    kernel = survey.kernel
    found = kernel.walk_idr(kernel.symbols.address("worker_pool_idr"))
    survey.walked(found, "pools of workers")
    places = [place for _, place in found]
    rows = survey.rows(Fields(kernel, _POOL, _OF_POOL, ("id", "cpu", "workers")), places, "pools of workers")
    worklist = kernel.offset(_POOL, "worklist")
    walked = kernel.walk_lists([place + worklist for place in places], _WORK, "entry")
    survey.walked(walked, "work that waits")
    waiting: list[list[int]] = [[] for _ in places]
    for number, work in zip(walked.walk.lists, walked.addresses, strict=True):
        waiting[number].append(work)
    ages = survey.seconds([row["progress"] for row in rows])
    pools = [
        _pool(place, row, len(own), age)
        for place, row, own, age in zip(places, rows, waiting, ages, strict=True)
    ]
    ids = [pools[number].pool for number in walked.walk.lists]
    pending = list(_pending(survey, list(walked.addresses), ids))
    return Pools(pools, _busy(survey, places), pending)


def _pool(place: int, row: Mapping[str, Any], waiting: int, age: float | None) -> WorkerPool:
    return WorkerPool(
        pool=row["id"],
        cpu=None if row["cpu"] == _NO_CPU else row["cpu"],
        nice=row["nice"],
        workers=row["workers"],
        idle_workers=row["idle"],
        running_workers=row["running"],
        pending_work=waiting,
        # the seconds until a past time are negative
        stalled_seconds=abs(min(age, 0.0)) if waiting and age is not None else None,
        managed=None if row["manager"] is None else bool(row["manager"]),
        worker_pool=place,
    )


def _busy(survey: Survey, pools: Sequence[int]) -> list[BusyWorker]:
    """Busy workers of the pools, rescuers that help out included."""
    kernel = survey.kernel
    workers = kernel.offset(_POOL, "workers")
    found = kernel.walk_lists([pool + workers for pool in pools], _WORKER, "node")
    survey.walked(found, "workers")
    timed = kernel.has_member(_WORKER, "current_at")
    wanted = {name: paths for name, paths in _OF_WORKER.items() if timed or name != "used"}
    fields = Fields(kernel, _WORKER, wanted, ("task", "work", "function"))
    rows = [
        (worker, row)
        for worker, row in survey.addressed(fields, found.addresses, "workers")
        # the work may be done, and its memory freed
        if row["work"]
    ]
    names = functions(kernel, [row["function"] for _, row in rows])
    behind = _scheduled(survey, [worker for worker, _ in rows])
    return [
        BusyWorker(
            pid=row["pid"],
            comm=row["comm"],
            pool=row["pool"],
            workqueue=row["queue"],
            work_function=names[row["function"]],
            running_seconds=_used(row["since"], row.get("used")),
            scheduled_work=behind[worker],
            description=row["desc"] or None,
            work_address=row["work"],
            task=row["task"],
        )
        for worker, row in rows
    ]


def _scheduled(survey: Survey, workers: Sequence[int]) -> dict[int, int]:
    """How many items wait for each worker itself, on its list ``scheduled``."""
    kernel = survey.kernel
    offset = kernel.offset(_WORKER, "scheduled")
    found = kernel.walk_lists([worker + offset for worker in workers], _WORK, "entry")
    survey.walked(found, "work behind that of a worker")
    counts = dict.fromkeys(workers, 0)
    for number in found.walk.lists:
        counts[workers[number]] += 1
    return counts


def _used(since: int | None, used: int | None) -> float | None:
    """Seconds between two times of a task on its CPU, in nanoseconds; None where it can't be."""
    return (used - since) / 1e9 if since is not None and used is not None and used >= since else None


def _pending(survey: Survey, places: Sequence[int], pools: Sequence[int | None]) -> Iterator[PendingWork]:
    kernel = survey.kernel
    rows = survey.rows(Fields(kernel, _WORK, _OF_WORK, _OF_WORK), places, "work that waits")
    names = functions(kernel, [row["function"] for row in rows])
    queues = [queue_of(survey, row["data"]) for row in rows]
    known = queue_names(survey, [queue for queue in queues if queue])
    for place, pool, row, queue in zip(places, pools, rows, queues, strict=True):
        yield PendingWork(
            pool=pool,
            workqueue=known.get(queue or 0),
            work_function=names[row["function"]],
            work_address=place,
        )


def queue_of(survey: Survey, data: int | None) -> int | None:
    """The ``struct pool_workqueue`` in the ``data`` of queued work; None where it has none."""
    if data is None:
        return None
    bits = enumerators(survey, "WORK_STRUCT_PWQ_BIT")
    # WORK_STRUCT_PWQ_SHIFT since 6.9
    shift = bits.get("WORK_STRUCT_PWQ_SHIFT", bits["WORK_STRUCT_FLAG_BITS"])
    mask = (1 << 8 * survey.kernel.pointer_size) - 1
    word = data & mask
    return word >> shift << shift if word >> bits["WORK_STRUCT_PWQ_BIT"] & 1 else None


def queue_names(survey: Survey, queues: Sequence[int]) -> dict[int, str | None]:
    """The name of the workqueue of each ``struct pool_workqueue``."""
    wanted = list(dict.fromkeys(queues))
    columns = survey.gaps(survey.kernel.read_many(_PWQ, wanted, ["wq->name"]), "names of workqueues")
    return dict(zip(wanted, columns["wq->name"], strict=True))
