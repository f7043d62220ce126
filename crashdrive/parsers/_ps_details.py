"""What ``ps`` prints with ``-p -c -t -l -m -a -g -r -S``: records and parse functions.

Source in crash: ``parent_list()``, ``child_list()``, ``show_task_times()``, ``show_last_run()``,
``show_milliseconds()``, ``show_task_args()``, ``show_tgid_list()``, ``show_task_rlimit()``,
``show_ps_summary()`` (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.rows import (
    demand_records,
    is_message,
    lines_of,
    parse_rows,
    skip_or_reject,
    take_message,
    words_of,
)
from crashdrive.parsers.grammar.tasks import TASK, TaskHeader, header_of, split_blocks
from crashdrive.records import Long, Record


class Ancestry(TaskHeader, frozen=True, kw_only=True):
    """A task and its ancestors, the oldest first (``ps -p``); ``unknown``: how many crash has no name of."""

    ancestors: tuple[TaskHeader, ...]
    unknown: int = 0


class Children(TaskHeader, frozen=True, kw_only=True):
    """A task and its children (``ps -c``)."""

    children: tuple[TaskHeader, ...]


class ThreadGroup(TaskHeader, frozen=True, kw_only=True):
    """A thread group's leader and its other threads (``ps -g``)."""

    threads: tuple[TaskHeader, ...]


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


class Arguments(TaskHeader, frozen=True, kw_only=True):
    """Arguments and environment of a user task (``ps -a``); None with the reason in ``problem``."""

    arguments: str | None = None
    environment: tuple[str, ...] | None = None
    problem: str | None = None


class Limit(Record, frozen=True, kw_only=True):
    """A resource limit by its kernel name (``NOFILE``); None is unlimited."""

    name: str
    current: Long | None
    maximum: Long | None


class Limits(TaskHeader, frozen=True, kw_only=True):
    """The resource limits of a task (``ps -r``)."""

    limits: tuple[Limit, ...]


class StateCount(Record, frozen=True, kw_only=True):
    """How many tasks are in a state (``ps -S``)."""

    state: str | None
    count: int


def state_of(text: str) -> str | None:
    """Crash's letters of a task's state; None for ``??``."""
    return None if text == "??" else text


_LINE = re.compile(rf"( *){TASK}[ ]*", re.MULTILINE)


def _headers(source: Source, start: int, end: int) -> Iterator[tuple[int, int, TaskHeader]]:
    """(offset, indent, task) of header lines; the only other lines are crash's own."""
    for offset, line in _whole_lines(source, start, end):
        found = _LINE.fullmatch(line)
        if found:
            yield offset, len(found[1]), header_of(found)
        elif line.strip() not in {"(no children)", "(no threads)"}:
            skip_or_reject(source, offset, line, "no task's header line")


def _whole_lines(source: Source, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Lines, those put together again that a newline in a quoted command name broke up."""
    held: tuple[int, str] | None = None
    for offset, line in lines_of(source.text, start, end):
        if held is not None:
            line = f"{held[1]}\n{line}"  # noqa: PLW2901 - the line as crash meant it
            offset = held[0]  # noqa: PLW2901 - see above
            held = None
        if 'COMMAND: "' in line and not line.rstrip().endswith('"') and line.count("\n") < 16:
            held = offset, line
        else:
            yield offset, line
    if held is not None:
        yield held


def _blocks(source: Source) -> Iterator[tuple[int, int]]:
    """(start, end) of the parts between blank lines."""
    start: int | None = None
    for offset, line in lines_of(source.text, 0, len(source.text)):
        if line.strip():
            start = offset if start is None else start
        elif start is not None:
            yield start, offset
            start = None
    if start is not None:
        yield start, len(source.text)


def parse_parents(source: Source) -> list[Ancestry]:
    """``ps -p``."""
    found: list[Ancestry] = []
    for start, end in _blocks(source):
        chain: list[TaskHeader] = []
        depth = unknown = 0
        for offset, indent, task in _headers(source, start, end):
            missing = _missing_ancestors(depth, indent)
            if missing is None:
                source.reject(offset, f"indented by {indent} where an ancestor is missing")
            elif missing:
                line = source.position(offset)[0]
                source.note("partial", f"{missing} ancestors aren't known", line=line, incomplete=True)
            unknown += missing or 0
            depth += (missing or 0) + 1
            chain.append(task)
        if chain:
            found.append(Ancestry(**_fields(chain[-1]), ancestors=tuple(chain[:-1]), unknown=unknown))
    return demand_records(source, found)


def _missing_ancestors(depth: int, indent: int) -> int | None:
    """How many ancestors crash left out above this one; None when the indentation fits no number.

    crash indents by the depth, and prints nothing but that indentation for a task that it doesn't know
    (8.0.2 on Debian's 6.1): all of it stands in front of the next one that it does.
    """
    missing, width = 0, depth
    while width < indent:
        missing += 1
        width += depth + missing
    return missing if width == indent else None


def _fields(task: TaskHeader) -> dict[str, Any]:
    return {"pid": task.pid, "task": task.task, "cpu": task.cpu, "comm": task.comm}


def _families(source: Source) -> Iterator[tuple[TaskHeader, tuple[TaskHeader, ...]]]:
    """(task, the tasks below it) of each block; a head that is indented isn't sure to be one: marked."""
    head: TaskHeader | None = None
    members: list[TaskHeader] = []
    for start, end in _blocks(source):
        for offset, indent, task in _headers(source, start, end):
            if head is not None and indent:
                members.append(task)
                continue
            if head is not None:
                yield head, tuple(members)
            if indent:
                line = source.position(offset)[0]
                source.note("partial", "a group without its first line", line=line, incomplete=True)
            head, members = task, []
        if head is not None:
            yield head, tuple(members)
        head, members = None, []


def parse_children(source: Source) -> list[Children]:
    found = [Children(**_fields(head), children=members) for head, members in _families(source)]
    return demand_records(source, found)


def parse_groups(source: Source) -> list[ThreadGroup]:
    found = [ThreadGroup(**_fields(head), threads=members) for head, members in _families(source)]
    return demand_records(source, found)


_TIME = re.compile(r" *(RUN TIME|START TIME|UTIME|STIME|USER TIME|SYSTEM TIME): (\S.*?)[ ]*")
_RUN_TIME = re.compile(r"(?:(\d{1,9}) days, )?(\d{2}):(\d{2}):(\d{2})")


def seconds_of(text: str) -> int | None:
    """``10 days, 14:14:39`` in seconds; None where it is none."""
    found = _RUN_TIME.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def parse_times(source: Source) -> list[TaskTimes]:
    return demand_records(source, [_times(source, *block) for block in split_blocks(source)])


def _times(source: Source, head: re.Match[str], start: int, end: int) -> TaskTimes:
    values: dict[str, int | None] = {}
    for offset, line in lines_of(source.text, head.end() + 1, end):
        found = _TIME.fullmatch(line)
        name = found[1].lower().replace(" ", "_") if found else ""
        if found is None or name in values:
            skip_or_reject(source, offset, line, "no time of a task")
        else:
            values[name] = _time_value(source, offset, name, found[2])
    known_sets = ({"utime", "stime"}, {"user_time", "system_time"})
    if (
        not {"run_time", "start_time"} <= set(values)
        or set(values) - {"run_time", "start_time"} not in known_sets
    ):
        source.fail(start, "times are missing")
    return TaskTimes(**_fields(header_of(head)), **cast("dict[str, Any]", values))


def _time_value(source: Source, offset: int, name: str, text: str) -> int | None:
    if name == "run_time":
        seconds = seconds_of(text)
        if seconds is None and not text.startswith("(cannot calculate"):
            source.reject(offset, "no run time")
        return seconds
    if not re.fullmatch(r"-?\d{1,20}", text):
        source.fail(offset, "no number")
    return int(text)


_LAST = re.compile(
    r"^\[ *(?:(?P<last>[0-9a-f]{1,20})|"
    r"(?P<days>\d{1,9}) (?P<hours>\d\d):(?P<minutes>\d\d):(?P<seconds>\d\d\.\d{3}))\] +"
    rf"\[(?P<state>[A-Z]{{2,4}}|\?\?)\] +{TASK}[ ]*$",
    re.MULTILINE,
)
_CPU_LINE = re.compile(r"CPU: \d{1,6}( \[OFFLINE\])?[ ]*")


def parse_last_run(source: Source) -> list[LastRun]:
    def cpu_line(offset: int, line: str) -> bool:
        found = _CPU_LINE.fullmatch(line)
        if found and found[1]:
            source.note("offline", line.strip(), line=source.position(offset)[0])
        return found is not None

    return demand_records(source, parse_rows(source, _LAST, _last_run, other=cpu_line))


def _last_run(found: re.Match[str]) -> LastRun:
    task = header_of(found)
    ago = None
    if found["days"] is not None:
        whole = (int(found["days"]) * 24 + int(found["hours"])) * 60 + int(found["minutes"])
        ago = round(whole * 60 + float(found["seconds"]), 3)
    digits = found["last"]
    # With output radix 16 crash prints this one in hexadecimal; then some digit is a letter, or none tells.
    last = None if digits is None else int(digits, 10 if digits.isdecimal() else 16)
    return LastRun(**_fields(task), state=state_of(found["state"]), last_run=last, ago=ago)


def parse_arguments(source: Source) -> list[Arguments]:
    found = demand_records(source, [_arguments(source, *block) for block in split_blocks(source)])
    if len(source.command.arguments) < 2 and len({row.task for row in found}) < len(found):
        source.note("twice", "a task stands twice", incomplete=True)
    return found


def _arguments(source: Source, head: re.Match[str], _start: int, end: int) -> Arguments:
    task = header_of(head)
    lines = lines_of(source.text, head.end() + 1, end)
    while lines and not lines[-1][1].strip():
        lines.pop()
    while lines and not lines[0][1].strip():
        lines.pop(0)  # crash's message about a kernel that it doesn't know begins with an empty line
    if not lines:
        return Arguments(**_fields(task))
    if is_message(source, lines[0][1]):
        return Arguments(**_fields(task), problem=_problem(source, lines))
    return _argument_lines(source, task, lines)


def _problem(source: Source, lines: list[tuple[int, str]]) -> str:
    """Why there are no arguments: kernel threads have none; anything else is a hole."""
    offset, line = lines[0]
    problem = line.split(": ", 1)[1].strip()
    if problem != "no user stack":
        take_message(source, offset, line)
    for place, rest in lines[1:]:
        skip_or_reject(source, place, rest, "no arguments of a task")
    return problem


def _argument_lines(source: Source, task: TaskHeader, lines: list[tuple[int, str]]) -> Arguments:
    """``ARG: ``, ``ENV: ``, then one variable a line, indented; values may hold newlines (marked)."""
    if not lines[0][1].startswith("ARG: "):
        source.fail(lines[0][0], "no arguments of a task")
    parts = [lines[0][1][5:]]
    environment: list[str] | None = None
    for offset, line in lines[1:]:
        if environment is None and line.startswith("ENV: "):
            environment = [line[5:]]
        elif environment is not None and line.startswith("     "):
            environment.append(line[5:])
        elif not take_message(source, offset, line):
            into = parts if environment is None else environment
            into[-1] += f"\n{line}"
            source.note(
                "newline", "a value holds a newline", line=source.position(offset)[0], incomplete=True
            )
    if environment is None:
        source.note("partial", "a task's environment is missing", incomplete=True)
    found = None if environment is None else tuple(part for part in environment if part)
    return Arguments(**_fields(task), arguments=parts[0].rstrip(), environment=found)


_LIMIT = re.compile(r" *([A-Z]{2,12}|\(unknown\)) +(\d{1,20}|\(unlimited\)) +(\d{1,20}|\(unlimited\))[ ]*")
_LIMIT_NAMES = (
    *("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS"),
    *("SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"),
)
_LIMIT_HEADER = ["RLIMIT", "CURRENT", "MAXIMUM"]


def parse_limits(source: Source) -> list[Limits]:
    return demand_records(source, [_limits(source, *block) for block in split_blocks(source)])


def _limits(source: Source, head: re.Match[str], start: int, end: int) -> Limits:
    limits: list[Limit] = []
    seen_header = False
    for offset, line in lines_of(source.text, head.end() + 1, end):
        found = _LIMIT.fullmatch(line)
        if found:
            limits.append(Limit(name=found[1], current=_limit(found[2]), maximum=_limit(found[3])))
        elif words_of(line) == _LIMIT_HEADER and not seen_header:
            seen_header = True
        else:
            skip_or_reject(source, offset, line, "no limit of a task")
    if not limits:
        # crash 9.0.1 and later say nothing where they can't read the limits
        place = source.position(start)[0]
        source.note("partial", "a task without its limits", line=place, incomplete=True)
    elif not seen_header:
        source.fail(start, "no table of limits")
    elif [limit.name for limit in limits] != _names_of(len(limits)):
        place = source.position(start)[0]
        source.note("partial", "limits are missing in the middle", line=place, incomplete=True)
    return Limits(**_fields(header_of(head)), limits=tuple(limits))


def _names_of(count: int) -> list[str]:
    """The names of so many limits: kernels add theirs behind the others'."""
    return [*_LIMIT_NAMES, *["(unknown)"] * count][:count]


def _limit(text: str) -> int | None:
    return None if text == "(unlimited)" else int(text)


_COUNT = re.compile(r"^ *(?P<state>[A-Z]{2,4}|\?\?): (?P<count>\d{1,10})[ ]*$", re.MULTILINE)


def parse_counts(source: Source) -> list[StateCount]:
    found = parse_rows(
        source, _COUNT, lambda m: StateCount(state=state_of(m["state"]), count=int(m["count"]))
    )
    states = [count.state for count in found]
    if len(set(states)) < len(states):
        source.fail(0, "a state is counted twice")
    return demand_records(source, found)
