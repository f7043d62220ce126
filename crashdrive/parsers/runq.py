"""``runq``: the run queues of all CPUs.

Source in crash: ``dump_CFS_runqueues()``, ``dump_runqueues()``, ``dump_runq()``, ``dump_on_rq_timestamp()``,
``dump_on_rq_lag()``, ``dump_on_rq_milliseconds()``, ``dump_on_rq_tasks()``, ``dump_tasks_by_task_group()``
(task.c).

As crash prints it::

    crash> runq
    CPU 0 RUNQUEUE: ffff8c3b1de31980
      CURRENT: PID: 398    TASK: ffff8c3b1f3d20c0  COMMAND: "spinner"
      RT PRIO_ARRAY: ffff8c3b1de31bc0
         [no tasks queued]
      CFS RB_ROOT: ffff8c3b1de31a30
         [no tasks queued]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers._runq_clocks import Lag, QueueClock, Running, clocks, lags, running
from crashdrive.parsers._runq_groups import GroupedRunQueue, TaskGroup, groups
from crashdrive.parsers._runq_lines import NOTHING, QueuedTask, current_line, once, queued_line
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.tasks import HEADER, HEX, TaskHeader
from crashdrive.records import Address, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "GroupedRunQueue",
    "Lag",
    "OnQueue",
    "Queue",
    "QueueClock",
    "QueuedTask",
    "RunQueue",
    "Running",
    "TaskGroup",
]


class Queue(Record, frozen=True, kw_only=True):
    """One queue: crash's name (``CFS RB_ROOT``, ``RT PRIO_ARRAY``, ``ACTIVE PRIO_ARRAY``) and address."""

    name: str
    address: Address
    tasks: tuple[QueuedTask, ...]


class RunQueue(Record, frozen=True, kw_only=True):
    """A CPU's run queue. Where crash doesn't know the running task, ``current`` is None, and
    ``current_address`` its address.
    """

    cpu: int
    offline: bool = False
    runqueue: Address | None = None
    current: TaskHeader | None = None
    current_address: Address | None = None
    queues: tuple[Queue, ...] = ()


class OnQueue(Record, frozen=True, kw_only=True):
    """All tasks that are marked as being on a CPU's run queue (``-d``)."""

    cpu: int
    offline: bool = False
    tasks: tuple[QueuedTask, ...] = ()


_Queue = tuple[Queue, bool]
"""A queue, and whether crash says that it is empty."""


class _RunQueue(NamedTuple):
    """A CPU's run queue, its offset in the text, and messages about missing parts."""

    place: int
    found: RunQueue
    missing: list[str]


# queues of a CPU at least: below RT PRIO_ARRAY stands CFS RB_ROOT
_FEWEST = 2


def _queues() -> g.ParserElement:
    """Run queues by CPU; crash 4 says RUNQUEUES[0], and prints neither a CURRENT line nor anything below an
    empty queue::

    CPU 0 RUNQUEUE: ffff8ea55de35e80
      CURRENT: PID: 391    TASK: ffff8ea557378000  COMMAND: "spinner"
      RT PRIO_ARRAY: ffff8ea55de36100
         [no tasks queued]
      CFS RB_ROOT: ffff8ea55de35f40
         [118] PID: 2110   TASK: ffff88007d470860  COMMAND: "udevd"
    """
    cpu = g.Row(
        r" *+(?:CPU |(?P<old>RUNQUEUES\[))(?P<cpu>\d{1,6})"
        rf"(?:(?P<offline> \[OFFLINE\])|(?(old)\]:| RUNQUEUE:) (?P<at>{HEX}))?",
        lambda found: found,
        "a CPU: RUNQUEUE",
    )
    queue = g.Row(
        rf" *+([A-Z]{{2,8}} (?:PRIO_ARRAY|RB_ROOT)): ({HEX})",
        lambda found: _Name(found[1], int(found[2], 16)),
        "a queue: RT PRIO_ARRAY or CFS RB_ROOT",
    )
    return g.Blocks(cpu, queued_line(), queue, current_line(), make=_run_queue)


class _Name(NamedTuple):
    """A queue's name and address, above its tasks."""

    name: str
    address: int


_QUEUED = (_Name, QueuedTask, str)
"""Values of lines below a CPU's running task."""


def _queued(text: g.Text, head: re.Match[str], below: list[Any]) -> list[_Queue]:
    """Each queue with the tasks below it. On 2.6.0 to 2.6.22 the first of several tasks of equal priority
    alone has the bracket.
    """
    queues: list[_Queue] = []
    tasks: list[QueuedTask] = []
    name, said_none = None, False
    for one in (*below, None):
        if name is not None and one is NOTHING:
            said_none = True
        elif one is None or isinstance(one, _Name):
            if name is not None:
                queue = Queue(name=name.name, address=name.address, tasks=tuple(tasks))
                queues.append((queue, said_none))
            name, said_none, tasks = one, False, []
        elif name is not None and isinstance(one, QueuedTask):
            shared = one.priority is None and bool(tasks)
            tasks.append(replace(one, priority=tasks[-1].priority) if shared else one)
        else:
            queued = one is NOTHING or isinstance(one, QueuedTask)
            reason = (
                "a task stands below no queue" if queued else "a CPU's running task doesn't stand at its top"
            )
            current_line().miss(text, head.end(), reason)
    return queues


def _run_queue(text: g.Text, place: int, head: re.Match[str], below: list[Any]) -> _RunQueue:
    first = below[0] if below else None
    current = None if first is None or isinstance(first, _QUEUED) else first
    cpu, at, offline, old = head.group("cpu", "at", "offline", "old")
    if current is None and not (offline or old):
        current_line().miss(text, head.end())
    queues = _queued(text, head, below if current is None else below[1:])
    # Of a current task that crash doesn't know it prints the address, and nothing below it.
    is_known = isinstance(current, TaskHeader)
    problems = [] if old else _missing(queues, cut=is_known)
    found = RunQueue(
        cpu=int(cpu),
        offline=offline is not None,
        runqueue=int(at, 16) if at else None,
        current=current if is_known else None,
        current_address=None if is_known else current,
        queues=tuple([queue for queue, _ in queues]),
    )
    return _RunQueue(place, found, problems)


def _missing(queues: list[_Queue], *, cut: bool) -> list[str]:
    """Messages about missing parts of queues; with ``cut`` whole queues may be missing, too."""
    problems: list[str] = []
    for queue, said_none in queues:
        if bool(queue.tasks) == said_none:
            problems.append(f"what is on {queue.name} is missing")
    if cut and len(queues) < _FEWEST and (not queues or queues[0][0].name == "RT PRIO_ARRAY"):
        problems.append("a queue is missing")
    return problems


def _check_queues(source: Source, found: list[_RunQueue]) -> list[RunQueue]:
    for queue in found:
        for problem in queue.missing:
            source.note("partial", problem, line=source.position(queue.place)[0], incomplete=True)
    return once(source, [(queue.place, queue.found) for queue in found])


def _on_queue() -> g.ParserElement:
    """Each CPU, and below it its tasks as in `_queues`, or that there are none."""
    cpu = g.Row(
        rf" *+CPU (?P<cpu>\d{{1,6}})(?:(?P<offline> \[OFFLINE\])| RUNQUEUE: {HEX})?",
        lambda found: found,
        "a CPU",
    )

    def on_queue(_: g.Text, place: int, head: re.Match[str], below: list[Any]) -> tuple[int, OnQueue]:
        tasks = tuple(task for task in below if task != NOTHING)
        return place, OnQueue(cpu=int(head["cpu"]), offline=head["offline"] is not None, tasks=tasks)

    return g.Blocks(cpu, queued_line(), make=on_queue)


def _one_queue() -> g.ParserElement:
    """The tasks of the one queue of kernels before 2.6."""
    return g.Rows(g.task_header())


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


SHAPES = (
    Shape(name="clocks", record=QueueClock, grammar=clocks, finish=once, options="-t", when=_given("t")),
    Shape(name="lags", record=Lag, grammar=lags, finish=once, options="-T", when=_given("T")),
    Shape(name="running", record=Running, grammar=running, finish=once, options="-m", when=_given("m")),
    Shape(name="on-queue", record=OnQueue, grammar=_on_queue, finish=once, options="-d", when=_given("d")),
    Shape(name="groups", record=GroupedRunQueue, grammar=groups, finish=once, options="-g", when=_given("g")),
    Shape(
        name="one-queue",
        record=TaskHeader,
        grammar=_one_queue,
        finish=demand_records,
        options="(none), kernels before 2.6",
        when=lambda source: HEADER.match(source.text) is not None,
    ),
    Shape(name="queues", record=RunQueue, grammar=_queues, finish=_check_queues, options="(none) -c"),
)

EXAMPLES = ("runq", "runq -t", "runq -T", "runq -m", "runq -g", "runq -d", "runq -c 0", "runq -c 999")
