"""``runq``: the run queues of all CPUs.

Source in crash: ``dump_CFS_runqueues()``, ``dump_runqueues()``, ``dump_runq()``, ``dump_on_rq_timestamp()``,
``dump_on_rq_lag()``, ``dump_on_rq_milliseconds()``, ``dump_on_rq_tasks()``, ``dump_tasks_by_task_group()``
(task.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.rows import demand_records, lines_of, parse_rows, skip_or_reject
from crashdrive.parsers.grammar.tasks import HEADER, HEX, TASK, TaskHeader, header_of, read_tasks
from crashdrive.records import Address, Long, Record


class QueuedTask(TaskHeader, frozen=True, kw_only=True):
    """A task on a queue; ``priority``: what the queue sorts by; ``current``: crash marks it as running."""

    priority: int | None = None
    current: bool = False


class Queue(Record, frozen=True, kw_only=True):
    """One queue: crash's name (``CFS RB_ROOT``, ``RT PRIO_ARRAY``, ``ACTIVE PRIO_ARRAY``) and address."""

    name: str
    address: Address
    tasks: tuple[QueuedTask, ...]


class RunQueue(Record, frozen=True, kw_only=True):
    """A CPU's run queue. ``current`` is None where the running task isn't known: then its address alone."""

    cpu: int
    offline: bool = False
    runqueue: Address | None = None
    current: TaskHeader | None = None
    current_address: Address | None = None
    queues: tuple[Queue, ...] = ()


class TaskGroup(Record, frozen=True, kw_only=True):
    """A task group on a CPU (``-g``), with the tasks directly in it.

    ``root``: it is the root group; ``parent``: address of the group around it. ``cfs_rq`` or ``rt_rq``:
    which queue of the group this is. ``priority``: of a group within a realtime queue.
    """

    task_group: Address
    root: bool = False
    parent: Address | None = None
    cfs_rq: Address | None = None
    rt_rq: Address | None = None
    name: str | None = None
    throttled: bool = False
    priority: int | None = None
    tasks: tuple[QueuedTask, ...] = ()


class GroupedRunQueue(Record, frozen=True, kw_only=True):
    """A CPU's run queue by task groups (``-g``), in crash's order."""

    cpu: int
    offline: bool = False
    current: TaskHeader | None = None
    current_address: Address | None = None
    groups: tuple[TaskGroup, ...] = ()


class QueueClock(Record, frozen=True, kw_only=True):
    """Timestamps (``-t``): the run queue's, and when the running task last got the CPU."""

    cpu: int
    offline: bool = False
    timestamp: Long | None = None
    last_run: Long | None = None
    current: TaskHeader | None = None


class Lag(Record, frozen=True, kw_only=True):
    """How many seconds a CPU's run queue lags behind the most recent one (``-T``)."""

    cpu: int
    lag: float


class Running(Record, frozen=True, kw_only=True):
    """For how many seconds a CPU's task has been running (``-m``); None where crash doesn't know the task."""

    cpu: int
    offline: bool = False
    running: float | None = None
    current: TaskHeader | None = None


class OnQueue(Record, frozen=True, kw_only=True):
    """All tasks that say they are on a CPU's run queue (``-d``)."""

    cpu: int
    offline: bool = False
    tasks: tuple[QueuedTask, ...] = ()


OPTSTRING = "dtTgmc:"
EXAMPLES = ("runq", "runq -t", "runq -T", "runq -m", "runq -g", "runq -d", "runq -c 0", "runq -c 999")

# Crash 4 says RUNQUEUES[0], shows no CURRENT line, and nothing of a queue without tasks.
_CPU = re.compile(
    r" *+(?:CPU |(?P<old>RUNQUEUES\[))(?P<cpu>\d{1,6})"
    rf"(?:(?P<offline> \[OFFLINE\])|(?(old)\]:| RUNQUEUE:) (?P<at>{HEX}))?[ ]*"
)
_CURRENT = re.compile(rf" *+CURRENT: (?:{TASK}|(?P<at>{HEX}))[ ]*")
_QUEUE = re.compile(rf" *+(?P<name>[A-Z]{{2,8}} (?:PRIO_ARRAY|RB_ROOT)): (?P<at>{HEX})[ ]*")
_QUEUED = re.compile(
    rf"(?P<indent> *+)(?:\[ *(?P<priority>-?\d{{1,4}})\] )?{TASK}(?P<current> \[CURRENT\])?[ ]*"
)
_NOTHING = re.compile(r"( *+)\[no tasks queued\][ ]*")
_GROUP = re.compile(
    rf"(?P<indent> *+)(?:\[ *(?P<priority>-?\d{{1,4}})\] )?"
    rf"(?P<root>ROOT_|INIT_)?TASK_GROUP: (?P<group>{HEX}) +"
    rf"(?P<kind>CFS_RQ|RT_RQ): (?P<at>{HEX}) *(?:<(?P<name>[^\n]{{0,256}})>)?"
    r"(?P<throttled> *\(THROTTLED\))?[ ]*"
)


def _cpu_blocks(source: Source) -> Iterator[tuple[re.Match[str], list[tuple[int, str]]]]:
    """(CPU line, lines below it) of each CPU; a CPU twice is an error."""
    head: re.Match[str] | None = None
    lines: list[tuple[int, str]] = []
    seen: set[str] = set()
    for offset, line in lines_of(source.text, 0, len(source.text)):
        found = _CPU.fullmatch(line)
        if found:
            if found["cpu"] in seen:
                source.fail(offset, f"CPU {found['cpu']} stands twice")
            seen.add(found["cpu"])
            if head is not None:
                yield head, lines
            head, lines = found, []
        elif head is None:
            skip_or_reject(source, offset, line, "no CPU's run queue")
        else:
            lines.append((offset, line))
    if head is not None:
        yield head, lines


def _current(lines: list[tuple[int, str]]) -> tuple[TaskHeader | None, int | None]:
    """The running task out of the first line, which is taken away."""
    found = _CURRENT.fullmatch(lines[0][1]) if lines else None
    if found is None:
        return None, None
    del lines[0]
    return (header_of(found), None) if found["task"] else (None, int(found["at"], 16))


def _queued(found: re.Match[str]) -> QueuedTask:
    task = header_of(found)
    priority = found["priority"]
    return QueuedTask(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        priority=None if priority is None else int(priority),
        current=found["current"] is not None,
    )


def _parse_queues(source: Source) -> list[RunQueue]:
    found: list[RunQueue] = []
    for head, lines in _cpu_blocks(source):
        task, address = _current(lines)
        old = head["old"] is not None
        queues = tuple(_queues(source, lines, silent=old))
        # Where crash doesn't know the current task it shows its address, and nothing below it.
        if task is not None and not old and {queue.name for queue in queues} in _CUT:
            place = source.position(head.start())[0]
            source.note("partial", "a queue is missing", line=place, incomplete=True)
        if task is None and address is None and not head["offline"] and not old:
            source.fail(head.start() if not lines else lines[0][0], "a run queue without its CURRENT line")
        found.append(
            RunQueue(
                cpu=int(head["cpu"]),
                offline=head["offline"] is not None,
                runqueue=int(head["at"], 16) if head["at"] else None,
                current=task,
                current_address=address,
                queues=queues,
            )
        )
    return demand_records(source, found)


# Schedulers with RT PRIO_ARRAY have CFS RB_ROOT below it.
_CUT: tuple[set[str], ...] = (set(), {"RT PRIO_ARRAY"})


def _queues(source: Source, lines: list[tuple[int, str]], *, silent: bool = False) -> list[Queue]:
    """The queues; ``silent``: crash doesn't say that one is empty."""
    found: list[Queue] = []
    name, address, start = "", 0, 0
    tasks: list[QueuedTask] | None = None
    said_none = False

    def close() -> None:
        if tasks is None:
            return
        if bool(tasks) == said_none and not silent:
            source.note(
                "partial", f"what is on {name} is missing", line=source.position(start)[0], incomplete=True
            )
        found.append(Queue(name=name, address=address, tasks=tuple(tasks)))

    for offset, line in lines:
        if queue := _QUEUE.fullmatch(line):
            close()
            name, address, start, tasks, said_none = queue["name"], int(queue["at"], 16), offset, [], False
        elif tasks is not None and (queued := _QUEUED.fullmatch(line)):
            # 2.6.0 to 2.6.22: tasks of equal priority share the bracket of the first one.
            task = _queued(queued)
            tasks.append(_with_priority(task, tasks))
        elif tasks is not None and _NOTHING.fullmatch(line):
            said_none = True
        else:
            skip_or_reject(source, offset, line, "nothing of a run queue")
    close()
    return found


def _with_priority(task: QueuedTask, above: list[QueuedTask]) -> QueuedTask:
    if task.priority is not None or not above:
        return task
    return QueuedTask(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        priority=above[-1].priority,
        current=task.current,
    )


def _parse_groups(source: Source) -> list[GroupedRunQueue]:
    found: list[GroupedRunQueue] = []
    for head, lines in _cpu_blocks(source):
        task, address = _current(lines)
        if task is None and address is None and not head["offline"]:
            source.fail(lines[0][0] if lines else 0, "a run queue without its CURRENT line")
        found.append(
            GroupedRunQueue(
                cpu=int(head["cpu"]),
                offline=head["offline"] is not None,
                current=task,
                current_address=address,
                groups=tuple(_groups(source, lines)),
            )
        )
    return demand_records(source, found)


def _groups(source: Source, lines: list[tuple[int, str]]) -> Iterator[TaskGroup]:
    """Indentation says which group holds what; a group's own tasks may stand below a group inside of it."""
    groups: list[dict[str, Any]] = []
    around: list[tuple[int, dict[str, Any]]] = []
    for offset, line in lines:
        group, queued = _GROUP.fullmatch(line), _QUEUED.fullmatch(line)
        nothing = _NOTHING.fullmatch(line)
        indent = len(next((found[1] for found in (group, queued, nothing) if found), ""))
        while around and around[-1][0] >= indent and (group or queued or nothing):
            around.pop()
        if group and bool(around) != bool(group["root"]):
            values = _group(group, around[-1][1]["task_group"] if around else None)
            groups.append(values)
            around.append((indent, values))
        elif queued and around:
            around[-1][1]["tasks"].append(_queued(queued))
        elif not (nothing and around):
            skip_or_reject(source, offset, line, "nothing of a task group")
    for values in groups:
        values["tasks"] = tuple(values["tasks"])
        yield TaskGroup(**values)


def _group(found: re.Match[str], parent: int | None) -> dict[str, Any]:
    return {
        "task_group": int(found["group"], 16),
        "root": found["root"] is not None,
        "parent": parent,
        found["kind"].lower(): int(found["at"], 16),
        "name": found["name"],
        "throttled": found["throttled"] is not None,
        "priority": int(found["priority"]) if found["priority"] else None,
        "tasks": [],
    }


_CLOCK = re.compile(r" *+CPU (?P<cpu>\d{1,6}): (?:(?P<offline>\[OFFLINE\])|(?P<time>[0-9a-f]{1,20}))[ ]*")
_CLOCK_TASK = re.compile(rf" *+(?P<last>[0-9a-f]{{1,20}}) +{TASK}[ ]*")


def _parse_clocks(source: Source) -> list[QueueClock]:
    found: list[QueueClock] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        clock, task = _CLOCK.fullmatch(line), _CLOCK_TASK.fullmatch(line)
        if clock:
            _once(source, offset, clock["cpu"], found)
            time = _number(clock["time"])
            found.append(QueueClock(cpu=int(clock["cpu"]), offline=time is None, timestamp=time))
        elif task and found and found[-1].current is None and not found[-1].offline:
            last = found[-1]
            found[-1] = QueueClock(
                cpu=last.cpu,
                timestamp=last.timestamp,
                last_run=_number(task["last"]),
                current=header_of(task),
            )
        else:
            skip_or_reject(source, offset, line, "no timestamp of a run queue")
    return demand_records(source, found)


def _number(text: str | None) -> int | None:
    """Decimal, or hexadecimal where output radix 16 shows by a letter."""
    return None if text is None else int(text, 10 if text.isdecimal() else 16)


def _once(source: Source, offset: int, cpu: str, found: list[Any]) -> None:
    if any(record.cpu == int(cpu) for record in found):
        source.fail(offset, f"CPU {cpu} stands twice")


_LAG = re.compile(r"^ *+CPU (?P<cpu>\d{1,6}): (?P<lag>\d{1,12}\.\d\d) secs[ ]*$", re.MULTILINE)


def _parse_lags(source: Source) -> list[Lag]:
    found = parse_rows(source, _LAG, lambda row: Lag(cpu=int(row["cpu"]), lag=float(row["lag"])))
    _unique(source, [record.cpu for record in found])
    return demand_records(source, found)


def _unique(source: Source, cpus: list[int]) -> None:
    if len(set(cpus)) < len(cpus):
        source.fail(0, "a CPU stands twice")


_RUNNING = re.compile(
    rf"^ *+CPU (?P<number>\d{{1,6}}): \[(?: *(?P<days>\d{{1,9}}) (?P<hours>\d\d):(?P<minutes>\d\d):"
    rf"(?P<seconds>\d\d\.\d{{3}})\] +{TASK}|(?P<other>OFFLINE|unknown)\])[ ]*$",
    re.MULTILINE,
)


def _parse_running(source: Source) -> list[Running]:
    found = parse_rows(source, _RUNNING, _running)
    _unique(source, [record.cpu for record in found])
    return demand_records(source, found)


def _running(row: re.Match[str]) -> Running:
    cpu = int(row["number"])
    if row["other"]:
        return Running(cpu=cpu, offline=row["other"] == "OFFLINE")
    minutes = (int(row["days"]) * 24 + int(row["hours"])) * 60 + int(row["minutes"])
    return Running(cpu=cpu, running=round(minutes * 60 + float(row["seconds"]), 3), current=header_of(row))


def _parse_on_queue(source: Source) -> list[OnQueue]:
    found: list[OnQueue] = []
    for head, lines in _cpu_blocks(source):
        tasks: list[QueuedTask] = []
        for offset, line in lines:
            if queued := _QUEUED.fullmatch(line):
                tasks.append(_queued(queued))
            elif not _NOTHING.fullmatch(line):
                skip_or_reject(source, offset, line, "no task on a run queue")
        found.append(OnQueue(cpu=int(head["cpu"]), offline=head["offline"] is not None, tasks=tuple(tasks)))
    return demand_records(source, found)


def _parse_tasks(source: Source) -> list[TaskHeader]:
    """Kernels before 2.6 have one queue for all CPUs: crash prints the tasks alone."""
    return read_tasks(source)


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


SHAPES = (
    Shape(name="clocks", record=QueueClock, parse=_parse_clocks, options="-t", when=_given("t")),
    Shape(name="lags", record=Lag, parse=_parse_lags, options="-T", when=_given("T")),
    Shape(name="running", record=Running, parse=_parse_running, options="-m", when=_given("m")),
    Shape(name="on-queue", record=OnQueue, parse=_parse_on_queue, options="-d", when=_given("d")),
    Shape(name="groups", record=GroupedRunQueue, parse=_parse_groups, options="-g", when=_given("g")),
    Shape(
        name="one-queue",
        record=TaskHeader,
        parse=_parse_tasks,
        options="(none), kernels before 2.6",
        when=lambda source: HEADER.match(source.text) is not None,
    ),
    Shape(name="queues", record=RunQueue, parse=_parse_queues, options="(none) -c"),
)
