"""``set``: the task that crash's commands are about."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.errors import UsageError
from crashdrive.parsers.set import Context, Variable
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def set(  # noqa: A001 - named after crash's command
    crash: Runner, task: int | None = None, *, cpu: int | None = None, panic: bool = False
) -> Answer[Context]:
    """Make a task (by pid or address), the active task of a ``cpu`` or the one that panicked the current one.

    Without any: which one it is. CommandFailedError for a task that isn't there. Source: crash's ``set``.
    """
    if (task is not None) + (cpu is not None) + panic > 1:
        raise UsageError("set takes a task, a CPU or panic, one of them")
    if panic:
        return call(crash, "set -p")
    if cpu is not None:
        call(crash, line("set -c", arguments.number(cpu, high=1 << 16)))  # prints nothing itself
        return call(crash, "set")
    return call(crash, line("set", "" if task is None else arguments.task(task)))


def set_variables(crash: Runner) -> Answer[Variable]:
    """crash's own settings (``set -v``)."""
    return call(crash, "set -v")
