"""``ps``: the tasks of the system."""

from __future__ import annotations

from typing import Any, Literal

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.ps import Process
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

Show = Literal[
    "tasks", "parents", "children", "times", "last_run", "ago", "arguments", "threads", "limits", "states"
]
_LETTERS = {
    "tasks": "",
    "parents": "p",
    "children": "c",
    "times": "t",
    "last_run": "l",
    "ago": "m",
    "arguments": "a",
    "threads": "g",
    "limits": "r",
    "states": "S",
}


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


def ps_show(crash: Runner, show: Show, *who: int | str) -> Answer[Any]:
    """What else ``ps`` tells of tasks; the record depends on ``show``.

    ``parents``: `Ancestry`; ``children``: `Children`; ``times``: `TaskTimes`; ``last_run`` and ``ago``:
    `LastRun`; ``arguments``: `Arguments`; ``threads``: `ThreadGroup`; ``limits``: `Limits`; ``states``:
    `StateCount` (all in `crashdrive.parsers.ps`).
    """
    letter = _LETTERS.get(show)
    if letter is None:
        raise ArgumentError(f"{show!a} is nothing that ps shows (such as parents)")
    return call(crash, line("ps", flag(letter, bool(letter)), *map(_who, who)))


def _who(value: int | str) -> str:
    """A pid, a task's address or a command name. crash takes a name of digits alone for a pid."""
    if isinstance(value, int):
        return arguments.task(value)
    return f"\\{value}" if value.isascii() and value.isdigit() else arguments.word(value)
