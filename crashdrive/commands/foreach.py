"""``foreach``: another command for many tasks."""

from __future__ import annotations

from typing import Any, Literal

from crashdrive.commands.base import call, line
from crashdrive.errors import ArgumentError
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

Inner = Literal["bt", "files", "net", "ps", "set", "sig", "task", "vm", "vtop"]
_INNER = frozenset({"bt", "files", "net", "ps", "set", "sig", "task", "vm", "vtop"})
_SETS = frozenset({"user", "kernel", "gleader", "active"})
_STATES = frozenset({"RU", "IN", "UN", "ST", "ZO", "TR", "SW", "DE", "WA", "PA", "ID", "NE"})


def foreach(
    crash: Runner, command: Inner, *who: int | str, options: str = "", timeout: float | None = None
) -> Answer[Any]:
    """What ``command`` gives, for all tasks or those that ``who`` selects.

    ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
    ``active``), command names. ``options``: letters of the command (``lf``). The records are the
    command's own; see `crashdrive.parsers.foreach`. Source: crash's ``foreach``.
    """
    if command not in _INNER:
        raise ArgumentError(f"{command!a} is no command that foreach runs (such as bt)")
    if options and not (options.isascii() and options.isalpha()):
        raise ArgumentError(f"{options!a} are no option letters (such as lf)")
    selected = [_selector(value) for value in who]
    return call(crash, line("foreach", *selected, command, f"-{options}" if options else ""), timeout=timeout)


def _selector(value: int | str) -> str:
    if isinstance(value, int):
        return arguments.task(value)
    if value in _SETS or value in _STATES:
        return value
    # crash takes a name behind a backslash for nothing but a name.
    return f"\\{arguments.word(value)}"
