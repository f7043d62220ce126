"""Tasks on the run queues, by class, as in crash's ``runq``.

Fair tasks of all groups are on ``rq.cfs_tasks``; real-time tasks are on a list for each priority, with groups
also on the lists of these; deadline tasks are in a tree; each CPU has one stopper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.sched.cpu_states import class_names, seconds_since, told_class
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Long, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.sched.cpu_states import RunQueues
    from crashdrive.linux.survey import Survey

_RQ, _TASK, _RT_ENTITY, _DL_ENTITY = (
    "struct rq", "struct task_struct", "struct sched_rt_entity", "struct sched_dl_entity",
)  # fmt: skip
_FIELDS = {
    "pid": ("pid",),
    "comm": ("comm",),
    "on_rq": ("on_rq",),
    "priority": ("prio",),
    "policy": ("policy",),
    "sched_class": ("sched_class",),
    "vruntime": ("se.vruntime",),
    # EEVDF, since 6.6 (147f3efaa241)
    "virtual_deadline": ("se.deadline",),
    # a sleeping task may stay queued since 6.12 (152e11f6df29)
    "delayed": ("se.sched_delayed",),
    "real_deadline": ("dl.deadline",),
    "waits_since": ("sched_info.last_queued",),
    "runtime": ("se.sum_exec_runtime",),
}
_STOPPER = {"on_rq": ("on_rq",), "sched_class": ("sched_class",), "cpu": ("thread_info.cpu", "cpu")}
# TASK_ON_RQ_QUEUED, TASK_ON_RQ_MIGRATING (kernel/sched/sched.h)
_ON_RQ = frozenset({1, 2})
POLICIES = {0: "OTHER", 1: "FIFO", 2: "RR", 3: "BATCH", 5: "IDLE", 6: "DEADLINE", 7: "EXT"}
"""Policies of scheduling by number (include/uapi/linux/sched.h)."""
_RT_LISTS = 100
_LOOP = "the queue of a group leads to one above it"
_SECOND = 1e9


class QueuedTask(Record, frozen=True):
    """A task that runs or is queued on a CPU.

    ``priority``: the kernel's, 0 to 139, low ones first (100 to 139: nice -20 to 19; 0 to 99: real-time 99 to
    0; -1: deadline). ``waiting_seconds``: since it was queued; None while it runs. ``runtime_seconds``: its
    CPU time since its creation. ``vruntime`` and ``virtual_deadline``: of fair tasks, nanoseconds of the
    queue's virtual time. ``deadline_seconds``: of deadline tasks, the time left, negative when it is over.
    ``delayed``: it sleeps, and stays queued until its lag is gone.
    """

    cpu: int
    running: bool
    task: Address
    pid: int | None
    comm: str | None
    sched_class: str | None
    policy: str | None
    priority: int | None
    waiting_seconds: float | None
    runtime_seconds: float | None
    vruntime: Long | None
    virtual_deadline: Long | None
    deadline_seconds: float | None
    delayed: bool | None


def queued_tasks(survey: Survey, queues: RunQueues) -> Iterator[QueuedTask]:
    """Tasks of the present CPUs' queues, in their order, running ones first; without idle tasks."""
    found = [(cpu, task) for cpu, tasks in _all(survey, queues).items() for task in tasks]
    fields, classes = Fields(survey.kernel, _TASK, _FIELDS, ("pid", "sched_class")), class_names(survey)
    running = {row["curr"] for row in queues.rows}
    rows = survey.rows(fields, [task for _, task in found], "queued tasks")
    for (cpu, task), row in zip(found, rows, strict=True):
        name = told_class(classes, row["sched_class"], survey)
        yield _task(cpu, task, name, row, queues.now, running=task in running)


def _task(
    cpu: int, task: int, name: str | None, row: dict[str, Any], now: int | None, *, running: bool
) -> QueuedTask:
    policy, delayed = row["policy"], row["delayed"]
    fair, deadline = name == "fair", row["real_deadline"] if name == "deadline" else None
    return QueuedTask(
        cpu=cpu,
        running=running,
        task=task,
        pid=row["pid"],
        comm=row["comm"],
        sched_class=name,
        policy=None if policy is None else POLICIES.get(policy, str(policy)),
        priority=row["priority"],
        waiting_seconds=None if running else seconds_since(now, row["waits_since"]),
        runtime_seconds=None if row["runtime"] is None else row["runtime"] / _SECOND,
        vruntime=row["vruntime"] if fair else None,
        virtual_deadline=row["virtual_deadline"] if fair else None,
        deadline_seconds=None if deadline is None or now is None else (deadline - now) / _SECOND,
        delayed=None if delayed is None else bool(delayed),
    )


def _all(survey: Survey, queues: RunQueues) -> dict[int, list[int]]:
    """Tasks by CPU: the running one, the stopper, deadline, real-time and fair tasks; each once."""
    found: dict[int, dict[int, None]] = {}
    for cpu, row in zip(survey.kernel.cpus, queues.rows, strict=True):
        mine = found[cpu] = {}
        if row["curr"] and row["curr"] != row["idle"]:
            mine[row["curr"]] = None
    for tasks in (
        _stoppers(survey, queues),
        _deadline(survey, queues),
        _rt(survey, queues),
        _fair(survey, queues),
    ):
        for cpu, task in tasks:
            found[cpu].setdefault(task)
    return {cpu: list(tasks) for cpu, tasks in found.items()}


def _stoppers(survey: Survey, queues: RunQueues) -> Iterator[tuple[int, int]]:
    """The stopper of each CPU where it is queued; what is no stopper, or isn't in the dump, is noted and left
    out.
    """
    kernel, classes = survey.kernel, class_names(survey)
    rows = survey.rows(Fields(kernel, _RQ, {"stop": ("stop",)}), queues.places, "run queues")
    stoppers = [(cpu, row["stop"]) for cpu, row in zip(kernel.cpus, rows, strict=True) if row["stop"]]
    states = survey.rows(Fields(kernel, _TASK, _STOPPER), [task for _, task in stoppers], "stoppers")
    for (cpu, task), state in zip(stoppers, states, strict=True):
        stops = classes.get(state["sched_class"] or 0) == "stop" and state["cpu"] in {None, cpu}
        if stops and state["on_rq"] in _ON_RQ:
            yield cpu, task
        elif state["on_rq"] and state["sched_class"] is not None:
            survey.miss([Notice(kind="damaged", message=f"CPU {cpu}: the task at {task:#x} is no stopper")])


def _fair(survey: Survey, queues: RunQueues) -> Iterator[tuple[int, int]]:
    kernel = survey.kernel
    offset = kernel.offset(_RQ, "cfs_tasks")
    heads = [place + offset for place in queues.places]
    walked = kernel.walk_lists(heads, _TASK, "se.group_node")
    survey.walked(walked, "fair tasks")
    cpus = kernel.cpus
    return ((cpus[number], task) for number, task in zip(walked.walk.lists, walked.addresses, strict=True))


def _deadline(survey: Survey, queues: RunQueues) -> Iterator[tuple[int, int]]:
    kernel = survey.kernel
    root, node = kernel.offset(_RQ, "dl.root"), kernel.offset(_TASK, "dl")
    for cpu, place, row in zip(kernel.cpus, queues.places, queues.rows, strict=True):
        if row["deadline_tasks"]:
            walked = kernel.walk_rbtree(place + root, _DL_ENTITY, "rb_node")
            survey.walked(walked, "deadline tasks")
            for entity in _of_tasks(survey, walked.addresses):
                yield cpu, entity - node


def _of_tasks(survey: Survey, entities: Sequence[int]) -> list[int]:
    """Entities that are tasks: since 6.8 (63ba8422f876) the fair class's server is a deadline entity, too."""
    kernel = survey.kernel
    if not kernel.has_member(_DL_ENTITY, "dl_server"):
        return list(entities)
    rows = survey.rows(Fields(kernel, _DL_ENTITY, {"server": ("dl_server",)}), entities, "deadline tasks")
    return [entity for entity, row in zip(entities, rows, strict=True) if not row["server"]]


def _rt(survey: Survey, queues: RunQueues) -> Iterator[tuple[int, int]]:
    """Real-time tasks of the lists; an entity with a queue of its own (``my_q``) is a group."""
    kernel = survey.kernel
    array = kernel.offset(_RQ, "rt.active.queue")
    cpus = zip(kernel.cpus, queues.places, queues.rows, strict=True)
    busy = {place + array: cpu for cpu, place, row in cpus if row["realtime_tasks"]}
    step, below = kernel.sizeof("struct list_head"), kernel.offset("struct rt_rq", "active.queue")
    known: set[int] = set()
    while busy:
        known.update(busy)
        heads = [(cpu, start + step * number) for start, cpu in busy.items() for number in range(_RT_LISTS)]
        walked = kernel.walk_lists([head for _, head in heads], _RT_ENTITY, "run_list")
        survey.walked(walked, "real-time tasks")
        fields = Fields(kernel, _RT_ENTITY, {"group": ("my_q",)})
        rows = survey.rows(fields, walked.addresses, "real-time tasks")
        found = list(zip(walked.walk.lists, walked.addresses, rows, strict=True))
        for number, entity, row in found:
            if not row["group"]:
                yield heads[number][0], entity - kernel.offset(_TASK, "rt")
        groups = {row["group"] + below: heads[number][0] for number, _, row in found if row["group"]}
        if known & groups.keys():
            survey.miss([Notice(kind="loop", message=f"real-time tasks: {_LOOP}")])
        busy = {start: cpu for start, cpu in groups.items() if start not in known}
