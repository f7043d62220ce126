"""What ``ps`` prints of tasks' memory and bounds: arguments and environment (``-a``), limits (``-r``).

Source in crash: ``show_task_args()``, ``show_task_rlimit()`` (task.c).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import DECIMAL, Cell, Column, or_none
from crashdrive.parsers.grammar.speech import is_message
from crashdrive.parsers.grammar.tasks import TASK, TaskHeader, header_of
from crashdrive.records import Long, Record


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


def arguments() -> g.ParserElement:
    """Arguments and environment of each task. crash prints them as they stand in memory: a value may hold
    newlines::

    PID: 1        TASK: ffff8ea541234200  CPU: 1    COMMAND: "init"
    ARG: /sbin/init --x
    ENV: HOME=/
         TERM=linux

    PID: 2        TASK: ffff8ea541232100  CPU: 0    COMMAND: "kthreadd"
    ps: no user stack
    """
    task = rf"{TASK} *+(?:\n|\Z)"
    line = g.Row(
        rf"(?P<blank>(?:[ ]*+\n)*+)(?!{task})(?= *+[^ \n])(?P<key>ARG: |ENV: | {{5}})?+(?P<value>[^\n]*+)",
        lambda found: found,
        "the arguments and environment of a task: ARG ENV",
    )
    # a header takes the blank line above it: else that line would be tried as each of the elements before
    head = g.task_header(indent=r"(?:[ ]{0,8}+\n)?+")
    return g.Blocks(head, line, make=_arguments, between=g.noise(g.BlankLines()))


def _arguments(text: g.Text, _place: int, task: TaskHeader, lines: list[re.Match[str]]) -> Arguments:
    if lines and lines[0]["key"] != "ARG: ":
        return _without(text, task, lines)
    values: list[list[str]] = []
    arguments: int | None = None
    for found in lines:
        blank, key, value = found.group("blank", "key", "value")
        if key is None and g.CrashMessage().take(text, found.start("value")) >= 0:
            continue
        begins = not values or (key == "ENV: " if arguments is None else key == " " * 5)
        if values and blank:
            values[-1] += ["\n", blank.removesuffix("\n")]
        if values and (blank or not begins):
            place = found.start("value")
            text.note(place, "newline", "a value holds a newline", incomplete=True)
        if begins:
            arguments = len(values) if key == "ENV: " and arguments is None else arguments
            values.append([value])
        else:
            values[-1] += ["\n", (key or "") + value]
    whole = ["".join(parts) for parts in values]
    return Arguments(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        arguments=whole[0].rstrip() if whole else None,
        environment=None if arguments is None else tuple(value for value in whole[arguments:] if value),
    )


def _without(text: g.Text, task: TaskHeader, lines: list[re.Match[str]]) -> Arguments:
    """A task without arguments: a kernel thread (``no user stack``). Any other reason that crash gives is a
    hole.
    """
    place, line = lines[0].start("value"), lines[0]["value"]
    if not is_message(text.source, line):
        g.Line("the arguments of a task: ARG").miss(text, place)
    problem = line.partition(": ")[2].strip()
    for found in lines[problem == "no user stack" :]:
        if g.noise().take(text, found.start("value")) < 0:
            g.task_header().miss(text, found.start("value"))
    return Arguments(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, problem=problem)


def check_arguments(source: Source, found: list[Arguments]) -> list[Arguments]:
    """The tasks; missing parts, and a task that stands twice though one word names it, are marked."""
    demand_records(source, found)
    for row in found:
        if row.arguments is None and row.problem is None:
            source.note("partial", "crash said nothing of a task's arguments", incomplete=True)
        elif row.arguments is not None and row.environment is None:
            source.note("partial", "a task's environment is missing", incomplete=True)
    if len(source.command.arguments) < 2 and len({row.task for row in found}) < len(found):
        source.note("twice", "a task stands twice", incomplete=True)
    return found


_LIMIT_NAMES = (
    *("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS"),
    *("SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"),
)


class _Task(NamedTuple):
    """A task's header line, and where it stands."""

    place: int
    task: TaskHeader


def limits() -> g.ParserElement:
    """Each task with its limits in the kernel's order. crash 9.0.1 prints none where it can't read them::

    PID: 1        TASK: ffff8ea541234200  CPU: 1    COMMAND: "init"
          RLIMIT     CURRENT       MAXIMUM
             CPU   (unlimited)   (unlimited)
          NOFILE      1024          4096
    """

    def head(found: re.Match[str]) -> _Task:
        return _Task(found.start(), header_of(found))

    limit = or_none(DECIMAL, r"\(unlimited\)")
    table = g.table(
        Limit,
        Column("RLIMIT", "name", Cell(r"[A-Z]{2,12}+|\(unknown\)")),
        Column("CURRENT", "current", limit),
        Column("MAXIMUM", "maximum", limit),
        what="limits",
        until=g.task_header(),
    )
    task = g.Row(TASK, head, "a task's header line")
    block = g.block(task, g.Gap(g.noise()) + g.Opt(table), lambda one, rows: (one, rows))
    return g.Many(block, resume=g.task_header())


def check_limits(source: Source, found: list[tuple[_Task, tuple[Limit, ...]]]) -> list[Limits]:
    """Each task's limits; gaps are marked. Kernels add new limits at the end, so a gap in the known order is
    a missing one.
    """
    made: list[Limits] = []
    for (place, task), limits in found:
        names = [limit.name for limit in limits]
        if names != [*_LIMIT_NAMES, *["(unknown)"] * len(names)][: len(names)] or not names:
            problem = "limits are missing in the middle" if names else "a task without its limits"
            source.note("partial", problem, line=source.position(place)[0], incomplete=True)
        made.append(Limits(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, limits=limits))
    return demand_records(source, made)
