"""What ``ps`` prints of tasks' ancestors and times: ``-p``, ``-t -l -m``, ``-S``.

Source in crash: ``parent_list()``, ``show_task_times()``, ``show_last_run()``, ``show_milliseconds()``,
``show_ps_summary()`` (task.c).
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import SIGNED, Cell, Column, often
from crashdrive.parsers.grammar.tasks import TASK, TaskHeader, header_of, known
from crashdrive.records import Long, Record


class Ancestry(TaskHeader, frozen=True, kw_only=True):
    """A task and its ancestors, the oldest first (``ps -p``); ``unknown``: how many crash left out."""

    ancestors: tuple[TaskHeader, ...]
    unknown: int = 0


class TaskTimes(TaskHeader, frozen=True, kw_only=True):
    """Times of a task (``ps -t``).

    ``run_time`` is in seconds. The others are the task_struct's own numbers, in units that depend on the
    kernel: nanoseconds since 2.6.23 or so, jiffies or seconds before. ``utime`` and ``stime`` come from
    kernels that count in one word, ``user_time`` and ``system_time`` from older ones.
    """

    run_time: int | None
    start_time: Long
    utime: Long | None = None
    stime: Long | None = None
    user_time: Long | None = None
    system_time: Long | None = None


class LastRun(TaskHeader, frozen=True, kw_only=True):
    """When a task last ran: ``last_run`` is the scheduler's timestamp (``-l``), ``ago`` seconds (``-m``)."""

    state: str | None
    last_run: Long | None = None
    ago: float | None = None


class StateCount(Record, frozen=True, kw_only=True):
    """How many tasks are in a state (``ps -S``)."""

    state: str | None
    count: int


_Ancestor = tuple[int, int, TaskHeader]
"""A line of a chain: its offset in the text, its indentation, its task."""


def ancestries() -> g.ParserElement:
    """Chains set apart by blank lines: the oldest task first, each further task one blank deeper::

    PID: 0        TASK: ffffffff9f61aa40  CPU: 0    COMMAND: "swapper/0"
     PID: 1        TASK: ffff8c3b011fc180  CPU: 1    COMMAND: "init"
    """

    def ancestor(found: re.Match[str]) -> _Ancestor:
        return found.start(), len(found[1]), header_of(found)

    row = g.Row(f"( *+){TASK}", ancestor, "a task's header line, indented by its depth")
    below = g.Rows(row, between=g.noise(blank=False), until=g.Blank(), least=0)
    return g.Many(g.block(row, below, lambda oldest, others: (oldest, *others)))


def check_ancestries(source: Source, found: list[tuple[_Ancestor, ...]]) -> list[Ancestry]:
    """The chains; an indentation that fits no number of left-out ancestors is an error."""
    return demand_records(source, [_ancestry(source, chain) for chain in found])


def _ancestry(source: Source, chain: tuple[_Ancestor, ...]) -> Ancestry:
    depth = unknown = 0
    for place, indent, _ in chain:
        missing = _missing_ancestors(depth, indent)
        if missing is None:
            source.reject(place, f"indented by {indent} where an ancestor is missing")
        elif missing:
            line = source.position(place)[0]
            source.note("partial", f"{missing} ancestors aren't known", line=line, incomplete=True)
        unknown += missing or 0
        depth += (missing or 0) + 1
    *above, task = [task for _, _, task in chain]
    if not (above or unknown) and task.pid:  # all descend from a task with pid 0
        line = source.position(chain[0][0])[0]
        source.note("partial", "crash said nothing of a task's ancestors", line=line, incomplete=True)
    return Ancestry(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        ancestors=tuple(above),
        unknown=unknown,
    )


def _missing_ancestors(depth: int, indent: int) -> int | None:
    """How many ancestors crash left out above this task; None when the indentation fits no number.

    crash indents by the depth. For a task that it doesn't know, it prints the indentation alone, without a
    newline (8.0.2 on Debian's 6.1): these indentations add up in front of the next known task.
    """
    missing, width = 0, depth
    while width < indent:
        missing += 1
        width += depth + missing
    return missing if width == indent else None


def times() -> g.ParserElement:
    """Each task with its times below it; kernels before 2.6.23 or so have other names::

    PID: 1        TASK: ffff8ea541234200  CPU: 1    COMMAND: "init"
        RUN TIME: 00:03:53
      START TIME: 400000000
           UTIME: 116000000           USER TIME: 116
           STIME: 2412000000        SYSTEM TIME: 2412
    """
    days = r"(?:\d{1,9} days, )?\d\d:\d\d:\d\d"
    values = g.key_values(
        dict,
        Column("RUN TIME", "run_time", often(Cell(rf"{days}|\(cannot calculate[^\n]{{0,200}}?", seconds_of))),
        Column("START TIME", "start_time", SIGNED),
        Column("UTIME", "utime", SIGNED),
        Column("STIME", "stime", SIGNED),
        Column("USER TIME", "user_time", SIGNED),
        Column("SYSTEM TIME", "system_time", SIGNED),
        what="the times of a task",
        required=("RUN TIME", "START TIME", frozenset({"UTIME", "USER TIME"})),
        together=(frozenset({"UTIME", "STIME"}), frozenset({"USER TIME", "SYSTEM TIME"})),
    )
    return g.Many(g.block(g.task_header(), values, _times), resume=g.task_header())


def _times(head: TaskHeader, found: tuple[dict[str, int], ...]) -> TaskTimes:
    (values,) = found
    return TaskTimes(
        pid=head.pid,
        task=head.task,
        cpu=head.cpu,
        comm=head.comm,
        run_time=values["run_time"],
        start_time=values["start_time"],
        utime=values.get("utime"),
        stime=values.get("stime"),
        user_time=values.get("user_time"),
        system_time=values.get("system_time"),
    )


_RUN_TIME = expression(r"(?:(\d{1,9}) days, )?(\d{2}):(\d{2}):(\d{2})", re.ASCII)


def seconds_of(text: str) -> int | None:
    """``10 days, 14:14:39`` in seconds; None for any other text."""
    found = _RUN_TIME.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def last_runs() -> g.ParserElement:
    """The scheduler's timestamp (``-l``), or how long ago that was (``-m``); ``-C`` names the CPUs::

    CPU: 0
    [3893029764] [ID]  PID: 0        TASK: ffffffff9fe10940  CPU: 0    COMMAND: "swapper/0"
    [0 00:00:03.893] [IN]  PID: 1        TASK: ffff8ea541234200  CPU: 1    COMMAND: "init"
    """
    ago = r"(?P<days>\d{1,9}) (?P<hours>\d\d):(?P<minutes>\d\d):(?P<seconds>\d\d\.\d{3})"
    row = g.Row(
        rf"\[ *+(?:(?P<last>[0-9a-f]{{1,20}})|{ago})\] ++\[(?P<state>[A-Z]{{2,4}}|\?\?)\] ++{TASK}",
        _last_run,
        "a task's last run: [TIME] [ST] PID TASK CPU COMMAND",
    )
    cpu = r"CPU: \d{1,6}"
    offline = g.Remark(rf"{cpu} \[OFFLINE\]", "offline", incomplete=False)
    return g.Rows(row, between=g.noise(g.Remark(cpu), offline))


def _last_run(found: re.Match[str]) -> LastRun:
    last, days, hours, minutes, seconds, state, pid, task, cpu, comm = found.groups()
    ago = None
    if days is not None:
        whole = (int(days) * 24 + int(hours)) * 60 + int(minutes)
        ago = round(whole * 60 + float(seconds), 3)
    return LastRun(
        pid=known(pid),
        task=int(task, 16),
        cpu=known(cpu),
        comm=comm,
        state=_state(state),
        # With output radix 16 crash prints hexadecimal digits; only a letter among them shows it.
        last_run=None if last is None else int(last, 10 if last.isdecimal() else 16),
        ago=ago,
    )


def _state(text: str) -> str | None:
    """Crash's letters of a task's state; None for ``??``."""
    return None if text == "??" else text


def state_counts() -> g.ParserElement:
    """``RU: 3``: a state and how many tasks are in it, one a line."""

    def count(found: re.Match[str]) -> StateCount:
        return StateCount(state=_state(found[1]), count=int(found[2]))

    return g.Rows(g.Row(r" *+([A-Z]{2}|\?\?): (\d{1,10}+)", count, "a state's count: ST: COUNT"))


def check_counts(source: Source, found: list[StateCount]) -> list[StateCount]:
    """Each state stands once."""
    states = [count.state for count in found]
    if len(set(states)) < len(states):
        source.fail(0, "a state is counted twice")
    return demand_records(source, found)
