"""``sig``: how tasks handle signals."""

from __future__ import annotations

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers._sig_tasks import TaskSignals
from crashdrive.parsers.sig import SignalInSet, SignalName
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def sig(crash: Runner, *who: int, threads: bool = False) -> Answer[TaskSignals]:
    """Handlers, blocked and pending signals of tasks, by pid or address; of the current context if none.

    With ``threads`` of all threads of the group. Source: crash's ``sig``.
    """
    return call(crash, line("sig", flag("g", threads), *map(arguments.task, who)))


def sig_names(crash: Runner) -> Answer[SignalName]:
    """Numbers and names of all signals (``sig -l``)."""
    return call(crash, "sig -l")


def sig_set(crash: Runner, sigset: int) -> Answer[SignalInSet]:
    """The signals in a 64-bit mask (``sig -s``)."""
    if not 0 <= sigset < 1 << 64:
        raise ArgumentError(f"{sigset!a} is no mask of 64 bits")
    return call(crash, f"sig -s {sigset:x}")
