"""States of CPUs: the running task and since when, queued tasks, the tick (``struct rq``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.clock import clock
from crashdrive.linux.irq.softirqs import pending_masks, softirq_names
from crashdrive.linux.sched.ticks import Tick, ticks
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_RQ, _TASK = "struct rq", "struct task_struct"
_FIELDS = {
    "curr": ("curr",),
    "idle": ("idle",),
    "clock": ("clock",),
    "queued": ("nr_running",),
    # h_nr_queued since 6.14 (7b8a702d9438)
    "fair_tasks": ("cfs.h_nr_queued", "cfs.h_nr_running"),
    "realtime_tasks": ("rt.rt_nr_running",),
    "deadline_tasks": ("dl.dl_nr_running",),
    "iowait": ("nr_iowait.counter",),
    "switches": ("nr_switches",),
    # under RT_GROUP_SCHED alone since 6.12 (5f6bd380c7bd)
    "rt_throttled": ("rt.rt_throttled",),
    "load_weight": ("cfs.load.weight",),
    "online": ("online",),
}
_OF_TASK = {
    "pid": ("pid",),
    "comm": ("comm",),
    "sched_class": ("sched_class",),
    # of SCHED_INFO; without it the kernel doesn't keep since when a task runs
    "arrived": ("sched_info.last_arrival",),
}
_CLASSES = ("stop", "deadline", "dl", "rt", "fair", "ext", "idle")
_SECOND = 1e9


class CpuState(Record, frozen=True):
    """A CPU at the time of the dump; ``rq``: address of its run queue.

    ``rq_online``: whether the scheduler uses it; True also for a CPU that a panic stopped. ``task``, ``pid``,
    ``comm``: the task that ran on it; ``running_seconds``: how long it had been running without a switch.
    ``runnable``: running and queued tasks of all classes; ``fair_tasks``, ``realtime_tasks`` and
    ``deadline_tasks``: of one class. ``iowait``: tasks that wait for IO and ran here last. ``lag_seconds``:
    how far its clock is behind the newest one, as in crash's ``runq -T``; the clock of an idle CPU stands
    still. ``tick_seconds``: since its last tick, also for a CPU that needs none (``tick_stopped``).
    ``softirqs``: raised and not yet run. ``rt_throttled``: whether the real-time class used up its time; None
    where the kernel has no such limit. ``load_weight``: of the fair class's tasks, 1024 (times 1024 on 64
    bits) each of nice 0.
    """

    cpu: int
    rq_online: bool | None
    task: Address | None
    pid: int | None
    comm: str | None
    sched_class: str | None
    running_seconds: float | None
    runnable: int | None
    fair_tasks: int | None
    realtime_tasks: int | None
    deadline_tasks: int | None
    iowait: int | None
    switches: int | None
    lag_seconds: float | None
    tick_seconds: float | None
    tick_stopped: bool | None
    softirqs: tuple[str, ...]
    rt_throttled: bool | None
    load_weight: int | None
    rq: Address


class RunQueues(NamedTuple):
    """The run queues of the present CPUs: their addresses, and their members by our names.

    ``now``: the newest of their clocks, in nanoseconds.
    """

    places: Sequence[int]
    rows: Sequence[dict[str, Any]]
    now: int | None


def run_queues(survey: Survey) -> RunQueues:
    """Read the run queues of the present CPUs."""
    kernel = survey.kernel
    places = [kernel.per_cpu_address("runqueues", cpu) for cpu in kernel.cpus]
    rows = survey.rows(Fields(kernel, _RQ, _FIELDS, ("curr", "clock")), places, "run queues")
    return RunQueues(places, rows, max((row["clock"] for row in rows if row["clock"]), default=None))


def cpu_states(survey: Survey, queues: RunQueues) -> Iterator[CpuState]:
    """The state of each present CPU, by number."""
    kernel = survey.kernel
    running = _running(survey, [row["curr"] for row in queues.rows if row["curr"]])
    names, masks = softirq_names(survey), pending_masks(survey)
    last, now = ticks(survey), round(clock(survey).monotonic * _SECOND)
    classes = class_names(survey)
    for cpu, place, row in zip(kernel.cpus, queues.places, queues.rows, strict=True):
        task = running.get(row["curr"], {})
        throttled = row["rt_throttled"]
        mask = masks[cpu] or 0
        yield CpuState(
            cpu=cpu,
            rq_online=None if row["online"] is None else bool(row["online"]),
            task=row["curr"] or None,
            pid=task.get("pid"),
            comm=task.get("comm"),
            sched_class=told_class(classes, task.get("sched_class"), survey),
            running_seconds=seconds_since(queues.now, task.get("arrived")),
            runnable=row["queued"],
            **{
                name: row[name]
                for name in (
                    "fair_tasks",
                    "realtime_tasks",
                    "deadline_tasks",
                    "iowait",
                    "switches",
                    "load_weight",
                )
            },
            lag_seconds=seconds_since(queues.now, row["clock"]) if row["online"] else None,
            tick_seconds=_tick_age(last[cpu], now) if row["online"] else None,
            tick_stopped=last[cpu].stopped,
            softirqs=tuple(name for number, name in enumerate(names) if mask >> number & 1),
            rt_throttled=None if throttled is None else bool(throttled),
            rq=place,
        )


def _running(survey: Survey, tasks: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = survey.rows(Fields(survey.kernel, _TASK, _OF_TASK, ("pid",)), tasks, "running tasks")
    return dict(zip(tasks, rows, strict=True))


def class_names(survey: Survey) -> dict[int, str]:
    """Classes of the scheduler by their addresses: ``stop``, ``deadline``, ``rt``, ``fair``, ``idle``.."""
    symbols = survey.kernel.symbols
    symbols.prefetch([f"{name}_sched_class" for name in _CLASSES])
    there = [name for name in _CLASSES if symbols.has(f"{name}_sched_class")]
    return {symbols.address(f"{name}_sched_class"): _plain(name) for name in there}


def told_class(classes: Mapping[int, str], place: int | None, survey: Survey) -> str | None:
    """The name of a class; one that isn't among ``classes`` has none, and is noted."""
    if place and place not in classes:
        said = f"the class of the scheduler at {place:#x} is none of {', '.join(classes.values())}"
        survey.miss([Notice(kind="unknown", message=said)])
    return classes.get(place or 0)


def _plain(name: str) -> str:
    return "deadline" if name == "dl" else name


def seconds_since(now: int | None, moment: int | None) -> float | None:
    """Seconds since a moment of the run queues' clock; None for 0, which is never."""
    return None if now is None or not moment else max(now - moment, 0) / _SECOND


def _tick_age(tick: Tick, now: int) -> float | None:
    return None if tick.last is None else max(now - tick.last, 0) / _SECOND
