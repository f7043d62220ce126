"""``s390dbf``: the debug logs of a kernel for s390."""

from __future__ import annotations

from typing import Any, overload

from crashdrive.commands.base import call, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.s390dbf import DebugEntry, DebugLog, DebugSetting, DebugView
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def s390dbf(crash: Runner) -> Answer[DebugLog]: ...
@overload
def s390dbf(crash: Runner, log: str) -> Answer[DebugView]: ...
@overload
def s390dbf(crash: Runner, log: str, view: str) -> Answer[DebugEntry | DebugSetting]: ...
def s390dbf(crash: Runner, log: str | None = None, view: str | None = None) -> Answer[Any]:
    """The debug logs (`DebugLog`), the views of one (`DebugView`), or what a view holds.

    A view's content is `DebugEntry`, of the views ``level`` and ``pages`` one `DebugSetting`.
    CommandFailedError where crash isn't one for s390. Source: crash's ``s390dbf``.
    """
    if view is not None and log is None:
        raise ArgumentError("s390dbf: a view is one of a log")
    return call(crash, line("s390dbf", *(arguments.word(name) for name in (log, view) if name is not None)))


def s390dbf_views(crash: Runner) -> Answer[DebugLog]:
    """The views that crash can show, by name. Source: crash's ``s390dbf -v``."""
    return call(crash, "s390dbf -v")
