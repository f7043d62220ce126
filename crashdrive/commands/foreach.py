"""``foreach``: another command for many tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from msgspec.structs import replace

from crashdrive.commands.base import answer_of, call, line
from crashdrive.errors import ArgumentError, CommandFailedError
from crashdrive.parsers._sig_tasks import TaskSignals
from crashdrive.parsers.bt import Backtrace, SearchedStack, StackOverflow
from crashdrive.parsers.files import TaskFiles
from crashdrive.parsers.foreach import TaskAnswer
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.parsers.net import TaskSockets, TaskSocketStructures
from crashdrive.parsers.ps import (
    Ancestry,
    Arguments,
    Children,
    LastRun,
    Limits,
    Process,
    StateCount,
    TaskTimes,
    ThreadGroup,
)
from crashdrive.parsers.set import Context
from crashdrive.parsers.task import TaskMembers, TaskStruct
from crashdrive.parsers.vm import TaskMemory, TaskStructures
from crashdrive.records import Answer, Notice
from crashdrive.session import arguments
from crashdrive.session.result import CommandResult, Runner
from crashdrive.text import printable

Inner = Literal["bt", "files", "net", "ps", "set", "sig", "task", "vm"]
_OfPs = Process | Ancestry | Children | TaskTimes | LastRun | Arguments | ThreadGroup | Limits | StateCount
_INNER = frozenset({"bt", "files", "net", "ps", "set", "sig", "task", "vm"})
_SETS = frozenset({"user", "kernel", "gleader", "active"})
_STATES = frozenset({"RU", "IN", "UN", "ST", "ZO", "TR", "SW", "DE", "WA", "PA", "ID", "NE"})


@overload
def foreach(
    crash: Runner, command: Literal["bt"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[Backtrace | SearchedStack | StackOverflow]: ...
@overload
def foreach(
    crash: Runner, command: Literal["files"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[TaskFiles]: ...
@overload
def foreach(
    crash: Runner, command: Literal["net"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[TaskSockets | TaskSocketStructures]: ...
@overload
def foreach(
    crash: Runner, command: Literal["ps"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[_OfPs]: ...
@overload
def foreach(
    crash: Runner, command: Literal["set"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[Context]: ...
@overload
def foreach(
    crash: Runner, command: Literal["sig"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[TaskSignals]: ...
@overload
def foreach(
    crash: Runner, command: Literal["task"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[TaskStruct | TaskMembers]: ...
@overload
def foreach(
    crash: Runner, command: Literal["vm"], *who: int | str, options: str = ..., timeout: float | None = ...
) -> Answer[TaskMemory | TaskStructures]: ...
@overload
def foreach(
    crash: Runner,
    command: list[Inner] | tuple[Inner, ...],
    *who: int | str,
    options: str = ...,
    timeout: float | None = ...,
) -> Answer[TaskAnswer]: ...
@overload
def foreach(
    crash: Runner,
    command: Inner | Sequence[Inner],
    *who: int | str,
    options: str = ...,
    timeout: float | None = ...,
) -> Answer[Any]: ...
def foreach(
    crash: Runner,
    command: Inner | Sequence[Inner],
    *who: int | str,
    options: str = "",
    timeout: float | None = None,
) -> Answer[Any]:
    """What ``command`` gives, for all tasks or those that ``who`` selects.

    ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
    ``active``), command names. ``options``: letters of the command (``lf``). The records are the
    command's own; see `crashdrive.parsers.foreach`.

    With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
    command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
    Source: crash's ``foreach``.
    """
    commands = (command,) if isinstance(command, str) else tuple(command)
    if not commands or len(set(commands)) < len(commands) or not _INNER.issuperset(commands):
        raise ArgumentError(f"{command!a} is no command that foreach runs, once each (such as bt)")
    if options and not (options.isascii() and options.isalpha()):
        raise ArgumentError(f"{options!a} are no option letters (such as lf)")
    selected = line("foreach", *map(_selector, who))
    lines = [line(selected, one, f"-{options}" if options else "") for one in commands]
    if not isinstance(command, str):
        results = crash.run_many([f"{selected} test", *lines], timeout=timeout)
        return _several(results, commands, options)
    if command != "ps" or _by_group(command, options):
        return call(crash, lines[0], timeout=timeout)
    # ps prints no header for a task that it can't read, and crash 9 and later say nothing then.
    asked, told = crash.run_many([f"{selected} test", lines[0]], timeout=timeout)
    return _compared(answer_of(told), _tasks(asked))


def _by_group(command: str, options: str) -> bool:
    """Whether the command shows each thread group once, at one of its tasks."""
    return (command == "ps" and bool({"G", "g"} & set(options))) or (command == "sig" and "g" in options)


def _tasks(result: CommandResult) -> list[TaskHeader]:
    """The tasks that crash selects: it prints their headers for ``test``, and nothing else."""
    return list(answer_of(result)) if result.text.strip() else []


def _compared(answer: Answer[Any], tasks: list[TaskHeader]) -> Answer[Any]:
    """The answer, marked where it lacks one of the tasks."""
    there = {_owner(record) for record in answer}
    missing = [task for task in tasks if not there & {task.task, task.pid}]
    return answer if not missing else _marked(answer, _skipped(answer.command, missing, len(tasks)))


def _owner(record: Any) -> int:
    """A record's task; its pid where crash shows something else in its place (``ps -s``)."""
    return int(record.pid if record.task is None else record.task)


def _skipped(command: str, missing: list[TaskHeader], total: int) -> Notice:
    pids = ", ".join(str(task.pid) for task in missing[:20]) + (", ..." if len(missing) > 20 else "")
    message = f"{command}: crash said nothing of {len(missing)} of {total} tasks (pid {pids})"
    return Notice(kind="partial", message=message)


def _marked(answer: Answer[Any], notice: Notice) -> Answer[Any]:
    return replace(answer, complete=False, warnings=(*answer.warnings, notice))


def _several(results: list[CommandResult], commands: tuple[Inner, ...], options: str) -> Answer[TaskAnswer]:
    """One answer out of those of each command: task by task, in the order of the tasks and the commands."""
    tasks = _tasks(results[0])
    answers = [_answer_or_hole(result) for result in results[1:]]
    if tasks and not any(len(answer) for answer in answers):
        results[1].check()
    records: list[TaskAnswer] = []
    given = [_by_task(answer) for answer in answers]
    for task in tasks:
        for command, answer, found in zip(commands, answers, given, strict=True):
            records.append(_of_task(task, command, answer, found.get(task.task) or found.get(task.pid, ())))
    compared = [
        answer if _by_group(command, options) else _compared(answer, tasks)
        for command, answer in zip(commands, answers, strict=True)
    ]
    return Answer(
        command="; ".join(result.command for result in results[1:]),
        shape="several",
        complete=all(answer.complete for answer in compared),
        warnings=tuple(notice for answer in compared for notice in answer.warnings),
        records=tuple(records),
    )


def _answer_or_hole(result: CommandResult) -> Answer[Any]:
    """What a command gave; nothing, and marked, where crash refused it while others may have answered."""
    try:
        return answer_of(result)
    except CommandFailedError as error:
        notice = Notice(kind="error", message=printable(str(error)))
        return Answer(command=result.command, shape="", complete=False, warnings=(notice,), records=())


def _by_task(answer: Answer[Any]) -> dict[int | None, tuple[Any, ...]]:
    found: dict[int | None, tuple[Any, ...]] = {}
    for record in answer:
        owner = _owner(record)
        found[owner] = (*found.get(owner, ()), record)
    return found


def _of_task(task: TaskHeader, command: str, answer: Answer[Any], records: tuple[Any, ...]) -> TaskAnswer:
    return TaskAnswer(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        command=command,
        shape=answer.shape if records else "",
        records=records,
    )


def _selector(value: int | str) -> str:
    if isinstance(value, int):
        return arguments.task(value)
    if value in _SETS or value in _STATES:
        return value
    # crash takes a name behind a backslash for nothing but a name.
    return f"\\{arguments.word(value)}"
