"""``ps``: the tasks of the system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crashdrive.commands.base import call, flag, line
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
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def ps(
    crash: Runner,
    *who: int | str,
    kernel: bool = False,
    user: bool = False,
    group_leaders: bool = False,
    active: bool = False,
    kstackp: bool = False,
) -> Answer[Process]:
    """The tasks: pid, parent, CPU, task_struct, state, memory, command.

    ``who`` are pids, addresses of task_structs or command names; all tasks where none is given. ``kernel``,
    ``user``, ``group_leaders`` and ``active`` (on a CPU) leave others out; with ``kstackp`` the rows hold
    the kernel stack pointer in place of the task_struct. CommandFailedError when nobody is found.
    Source: crash's ``ps``.
    """
    letters = (flag("k", kernel), flag("u", user), flag("G", group_leaders), flag("A", active))
    return call(crash, line("ps", *letters, flag("s", kstackp), *map(_who, who)))


def ps_parents(crash: Runner, *who: int | str) -> Answer[Ancestry]:
    """Each task with its ancestors, the oldest first (``ps -p``)."""
    return _shown(crash, "-p", who)


def ps_children(crash: Runner, *who: int | str) -> Answer[Children]:
    """Each task with its children (``ps -c``)."""
    return _shown(crash, "-c", who)


def ps_times(crash: Runner, *who: int | str) -> Answer[TaskTimes]:
    """Run time, start time, and user and system time of each task (``ps -t``)."""
    return _shown(crash, "-t", who)


def ps_last_run(crash: Runner, *who: int | str) -> Answer[LastRun]:
    """When each task last ran, by its own time stamp; the latest first (``ps -l``)."""
    return _shown(crash, "-l", who)


def ps_ago(crash: Runner, *who: int | str) -> Answer[LastRun]:
    """How long ago each task last ran; the latest first (``ps -m``)."""
    return _shown(crash, "-m", who)


def ps_arguments(crash: Runner, *who: int | str) -> Answer[Arguments]:
    """Command-line arguments and environment of each task; kernel threads have none (``ps -a``)."""
    return _shown(crash, "-a", who)


def ps_threads(crash: Runner, *who: int | str) -> Answer[ThreadGroup]:
    """The tasks by thread group (``ps -g``)."""
    return _shown(crash, "-g", who)


def ps_limits(crash: Runner, *who: int | str) -> Answer[Limits]:
    """The resource limits of each task (``ps -r``)."""
    return _shown(crash, "-r", who)


def ps_states(crash: Runner, *who: int | str) -> Answer[StateCount]:
    """How many tasks are in each state (``ps -S``)."""
    return _shown(crash, "-S", who)


def _shown(crash: Runner, option: str, who: Iterable[int | str]) -> Answer[Any]:
    return call(crash, line("ps", option, *map(_who, who)))


def _who(value: int | str) -> str:
    """A pid, a task's address or a command name. crash takes a name of digits alone for a pid."""
    if isinstance(value, int):
        return arguments.task(value)
    return f"\\{value}" if value.isascii() and value.isdigit() else arguments.word(value)
