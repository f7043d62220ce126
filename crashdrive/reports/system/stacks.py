r"""Kernel stacks of all tasks, unwound by crashdrive itself: also of tasks that crash doesn't know.

\b
Examples:
  crashdrive report stacks vmcore                   groups of equal stacks
  crashdrive report stacks --state UN vmcore        those that wait in D
  crashdrive report stacks --by-object vmcore       ... by what each waits for
  crashdrive report stacks --each --pid 1 vmcore    a task, frame by frame
  crashdrive report stacks --source --pid 1 vmcore  ... with lines of source
  crashdrive report stacks --function '*mutex*' vmcore
  crashdrive report stacks --format svg vmcore > stacks.svg   a flame graph
  crashdrive report stacks --folded vmcore > stacks.folded

off_cpu: seconds since a task last ran, of a group the longest. wait_channel: as
/proc/PID/wchan has it. "?": a frame that may be stale; reason says why, and the
report is marked. --by-object: tasks in D and S with equal stacks that wait for
different locks, sockets, futexes or wait queues are different groups; object is
the lock's name, else its address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.linux.locks.graph import lock_name
from crashdrive.linux.locks.waits import resolved
from crashdrive.linux.sched.source_places import SourcePlaces, is_exact, shown, shown_calls, shown_line
from crashdrive.linux.sched.stacks import TaskStack, read_stacks
from crashdrive.linux.survey import Survey
from crashdrive.records import Address, Flame, Notice, Record, Report, Table
from crashdrive.reports.base import Option, report_of

if TYPE_CHECKING:
    from crashdrive.kernel.debuginfo.places import CodePlace
    from crashdrive.linux.locks.waits import Wait
    from crashdrive.linux.sched.frames import StackFrame
    from crashdrive.linux.sched.tasks import Task

    Places = dict[tuple[int, bool], CodePlace | None]

_SLEEP = "DS"
NAME = "stacks"
SUMMARY = "Kernel stacks of all tasks, grouped; each frame sure or in doubt; folded for flame graphs."
BTF = True
DRAWS = True
OPTIONS = (
    Option(name="each", flags=("--each",), help="Each task by itself, with addresses."),
    Option(
        name="by_object", flags=("--by-object",),
        help="Sleeping and blocked tasks in groups that wait for the same object.",
    ),
    Option(name="frames", flags=("--frames",), help="One row a frame, with all that is known of it."),
    Option(name="folded", flags=("--folded",), help="Folded stacks, as tools for flame graphs take them."),
    Option(
        name="source", flags=("--source",),
        help="With lines of source and inlined calls, out of debug data; of each task.",
    ),
    Option(name="pid", flags=("--pid",), help="A task by its pid.", kind="integer", many=True),
    Option(name="comm", flags=("--comm",), help="Tasks of this name (a pattern: kworker*).", kind="text"),
    Option(
        name="state", flags=("--state",), help="A state: UN as crash has it, or D as the kernel.",
        kind="text", many=True,
    ),
    Option(name="cpu", flags=("--cpu",), help="Tasks of a CPU.", kind="integer", many=True),
    Option(
        name="function", flags=("--function",), help="Those with this function (a pattern: *mutex*).",
        kind="text",
    ),
    Option(name="running", flags=("--running",), help="Those that ran on a CPU."),
)  # fmt: skip


class StackGroup(Record, frozen=True):
    """Tasks in the same state with the same functions on their stacks.

    ``cpus``: where those of them ran that were running. ``off_cpu``: the longest time in seconds since one of
    the others last ran. ``comms``: their names, the most frequent first. ``stack``: the functions, the
    youngest first: ``?`` before one that is in doubt, ``[module]`` and the context (``irq``, ``softirq``,
    ``exception``, ``nmi``) behind it.
    """

    count: int
    state: str | None
    cpus: tuple[int, ...]
    off_cpu: float | None
    wait_channel: str | None
    ending: str
    reason: str | None
    comms: tuple[str, ...]
    pids: tuple[int, ...]
    stack: tuple[str, ...]


class ObjectGroup(Record, frozen=True):
    """Tasks in the same state, D or S, with the same functions on their stacks, which wait for one object.

    ``type``, ``object``, ``address``: the kind of lock, its name (else its address) and its address, None
    where that isn't known; ``owner_pid``, ``owner_comm``: who holds it, or has to act, the same for all of
    them; ``owner_doubt``: why that isn't sure; see `crashdrive.linux.locks.waits.Wait`. ``off_cpu``: the
    longest time in seconds since one of them last ran. The rest as in `StackGroup`.
    """

    count: int
    state: str | None
    type: str | None
    object: str | None
    address: Address | None
    owner_pid: int | None
    owner_comm: str | None
    owner_doubt: str | None
    off_cpu: float | None
    wait_channel: str | None
    comms: tuple[str, ...]
    pids: tuple[int, ...]
    stack: tuple[str, ...]


class StackRow(Record, frozen=True):
    """A task's stack for people: ``stack`` has a line for each frame, the youngest first."""

    pid: int | None
    comm: str | None
    state: str | None
    cpu: int | None
    running: bool
    wait_channel: str | None
    off_cpu: float | None
    task: Address
    ending: str
    reason: str | None
    stack: tuple[str, ...]


class FrameRow(Record, frozen=True):
    """A frame of a task's stack; see `crashdrive.linux.sched.frames.StackFrame`.

    ``source`` (``fs/read_write.c:681``) and ``inlined_calls`` by debug data, where that was asked for: the
    functions that the compiler put into this one, the innermost first, each with the line that calls it.
    """

    pid: int | None
    comm: str | None
    task: Address
    level: int
    segment: str
    function: str | None
    offset: int | None
    address: Address
    module: str | None
    sp: Address
    sure: bool
    doubt: str | None
    pt_regs: Address | None
    source: str | None
    inlined_calls: tuple[str, ...]


class FoldedStack(Record, frozen=True):
    """How many tasks have the same stack: their name and its functions, the oldest first, between ``;``."""

    trace: str
    count: int


def report(crash: Any, **asked: Any) -> Report:
    """The stacks that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = _found(survey, asked)
    places = _places(survey, found) if asked["source"] else {}
    tables = []
    if asked["each"] or (asked["source"] and not asked["frames"]):
        tables.append(_each(found, places))
    if asked["by_object"]:
        tables.append(_by_object(survey, found))
    if asked["frames"]:
        tables.append(_frames(found, places))
    if asked["folded"]:
        tables.append(_folded(found))
    made = report_of(NAME, survey, tables or [_groups(found)])
    return msgspec.structs.replace(made, pictures=tuple(_flames(found)))


def _found(survey: Survey, asked: dict[str, Any]) -> list[TaskStack]:
    known: dict[str, set[Any]] = {"pid": set(), "state": set(), "cpu": set()}

    def wanted(task: Task) -> bool:
        states = (task.state, task.state_letter)
        known["pid"].add(task.pid)
        known["cpu"].add(task.cpu)
        known["state"].update(state for state in states if state)
        return (
            (not asked["pid"] or task.pid in asked["pid"])
            and (not asked["cpu"] or task.cpu in asked["cpu"])
            and (not asked["state"] or not {*states}.isdisjoint(asked["state"]))
            and (asked["comm"] is None or fnmatchcase(task.comm or "", asked["comm"]))
        )

    found = read_stacks(survey, wanted=wanted)
    survey.require("pid", asked["pid"], sorted(pid for pid in known["pid"] if pid is not None))
    survey.require("CPU", asked["cpu"], survey.kernel.cpus)
    return [stack for stack in found if _is_wanted(stack, asked)]


def _is_wanted(stack: TaskStack, asked: dict[str, Any]) -> bool:
    if asked["running"] and not stack.running:
        return False
    pattern = asked["function"]
    return pattern is None or any(fnmatchcase(frame.function or "", pattern) for frame in stack.frames)


# groups


def _groups(found: Sequence[TaskStack]) -> Table:
    groups: dict[tuple[Any, ...], list[TaskStack]] = {}
    for stack in found:
        key = stack.state, stack.running, stack.ending, tuple(map(_function, _kernel(stack)))
        groups.setdefault(key, []).append(stack)
    rows = [_group(members, key[-1]) for key, members in groups.items()]
    rows.sort(key=lambda row: (-row.count, -(row.off_cpu or 0)))
    shown = ("count", "state", "cpus", "off_cpu", "wait_channel", "reason", "comms", "stack")
    return Table(name="groups", rows=rows, columns=shown, layout="blocks")


def _group(members: Sequence[TaskStack], stack: tuple[str, ...]) -> StackGroup:
    first = members[0]
    return StackGroup(
        count=len(members),
        state=first.state,
        cpus=tuple(one.cpu for one in members if one.running and one.cpu is not None),
        off_cpu=max((one.off_cpu for one in members if one.off_cpu is not None), default=None),
        wait_channel=first.wait_channel,
        ending=first.ending,
        reason=first.reason,
        comms=tuple(name for name, _ in Counter(one.comm or "" for one in members).most_common()),
        pids=tuple(one.pid for one in members if one.pid is not None),
        stack=stack,
    )


def _by_object(survey: Survey, found: Sequence[TaskStack]) -> Table:
    """Groups by stack and by what tasks wait for. Types of locks are asked of the dump for it alone."""
    asleep = [one for one in found if one.state_letter and one.state_letter in _SLEEP and not one.running]
    waits = survey.attempt("what tasks wait for", lambda: resolved(survey, asleep, what=None))
    rows = list(_object_groups(asleep, {int(wait.task): wait for wait in waits}))
    shown = (
        "count", "state", "off_cpu", "type", "object", "owner_pid", "owner_comm", "owner_doubt",
        "wait_channel", "comms", "pids", "stack",
    )  # fmt: skip
    return Table(name="objects", rows=rows, columns=shown, layout="blocks")


def _object_groups(asleep: Sequence[TaskStack], waits: Mapping[int, Wait]) -> Iterator[ObjectGroup]:
    """The largest group first, then the one that has slept longest."""
    groups: dict[tuple[Any, ...], list[TaskStack]] = {}
    for stack in asleep:
        wait = waits.get(int(stack.task))
        # a socket's waiter may be one of those who have to act for the others
        object_of = (wait.type, wait.address, wait.lock, wait.owner_task, wait.owner_doubt) if wait else ()
        key = stack.state, stack.ending, object_of, tuple(map(_function, _kernel(stack)))
        groups.setdefault(key, []).append(stack)
    made = ((_group(members, key[-1]), waits.get(int(members[0].task))) for key, members in groups.items())
    for group, wait in sorted(made, key=lambda one: (-one[0].count, -(one[0].off_cpu or 0))):
        yield ObjectGroup(
            count=group.count,
            state=group.state,
            type=wait.type if wait else None,
            object=(lock_name(wait) or None) if wait else None,
            address=wait.address if wait else None,
            owner_pid=wait.owner_pid if wait else None,
            owner_comm=wait.owner_comm if wait else None,
            owner_doubt=wait.owner_doubt if wait else None,
            off_cpu=group.off_cpu,
            wait_channel=group.wait_channel,
            comms=group.comms,
            pids=group.pids,
            stack=group.stack,
        )


def _kernel(stack: TaskStack) -> Iterator[StackFrame]:
    """The frames without that of user space, which differs between programs alone."""
    return (frame for frame in stack.frames if frame.segment != "user")


def _function(frame: StackFrame) -> str:
    name = frame.function or "(unknown)"
    module = f" [{frame.module}]" if frame.module else ""
    segment = "" if frame.segment == "process" else f" ({frame.segment})"
    return f"{'' if frame.sure else '? '}{name}{module}{segment}"


# tasks


def _places(survey: Survey, found: Sequence[TaskStack]) -> Places:
    """What debug data tells of the frames; that it tells nothing is noted."""
    sources = SourcePlaces(survey.kernel)
    frames = {_key(frame): frame for stack in found for frame in _kernel(stack)}
    places = dict(zip(frames, sources.of_frames(list(frames.values())), strict=True))
    if frames and not any(places.values()):
        message = "no debug data is there that tells lines of source (the vmlinux's, read from its file)"
        survey.miss([Notice(kind="absent", message=message)], complete=True)
    return places


def _each(found: Sequence[TaskStack], places: Places) -> Table:
    rows = [
        StackRow(
            pid=stack.pid,
            comm=stack.comm,
            state=stack.state,
            cpu=stack.cpu,
            running=stack.running,
            wait_channel=stack.wait_channel,
            off_cpu=stack.off_cpu,
            task=stack.task,
            ending=stack.ending,
            reason=stack.reason,
            stack=tuple(line for frame in stack.frames for line in _lines(frame, _place(places, frame))),
        )
        for stack in found
    ]
    return Table(name="stacks", rows=rows, columns=StackRow.__struct_fields__, layout="blocks")


def _lines(frame: StackFrame, place: CodePlace | None) -> Iterator[str]:
    """A frame nearly as crash's bt shows it, behind those that were inlined into it."""
    where = f"#{frame.level} [{frame.sp:016x}]"
    doubt = "" if frame.sure else "? "
    line = shown_line(place)
    for call in reversed(place.calls if place else ()):
        yield f"{where} {doubt}{call.function} (inlined){_at(line)}"
        line = shown(call.line)
    known = frame.function is not None
    name = f"{frame.function}+{frame.offset:#x}" if known else f"{frame.address:016x}"
    module = f" [{frame.module}]" if frame.module else ""
    segment = "" if frame.segment == "process" else f" ({frame.segment})"
    yield f"{where} {doubt}{name}{module}{segment}{_at(line)}"


def _at(line: str | None) -> str:
    return f" at {line}" if line else ""


def _place(places: Places, frame: StackFrame) -> CodePlace | None:
    return places.get(_key(frame))


def _key(frame: StackFrame) -> tuple[int, bool]:
    return int(frame.address), is_exact(frame)


def _frames(found: Sequence[TaskStack], places: Places) -> Table:
    rows = [
        FrameRow(
            pid=stack.pid,
            comm=stack.comm,
            task=stack.task,
            **_fields(frame),
            source=shown_line(_place(places, frame)),
            inlined_calls=shown_calls(_place(places, frame)),
        )
        for stack in found
        for frame in stack.frames
    ]
    source = ("source", "inlined_calls") if places else ()
    shown = ("pid", "level", "segment", "function", "offset", "module", "sure", "address", "sp", "pt_regs")
    return Table(name="frames", rows=rows, columns=(*shown, *source))


def _fields(frame: StackFrame) -> dict[str, Any]:
    return {name: getattr(frame, name) for name in frame.__struct_fields__}


def _folded(found: Sequence[TaskStack]) -> Table:
    traces = Counter(_trace(stack) for stack in found)
    rows = [FoldedStack(trace=trace, count=count) for trace, count in sorted(traces.items())]
    return Table(name="folded", rows=rows, columns=("trace", "count"), layout="lines")


def _flames(found: Sequence[TaskStack]) -> Iterator[Flame]:
    """A flame graph of all stacks, by state and name; no graph without stacks."""
    traces = Counter((stack.state or "?", *_calls(stack)) for stack in found if stack.frames)
    if traces:
        yield Flame(title="all tasks", stacks=tuple(sorted(traces.items())))


def _trace(stack: TaskStack) -> str:
    return ";".join(_word(name) for name in _calls(stack))


def _calls(stack: TaskStack) -> tuple[str, ...]:
    """A task's name and its functions, the oldest first."""
    names = [frame.function or "(unknown)" for frame in _kernel(stack)]
    return (stack.comm or "(unknown)", *reversed(names))


def _word(name: str) -> str:
    """A name without what ends a name or a line in folded stacks."""
    return "".join("_" if char == ";" or char.isspace() else char for char in name) or "(none)"
