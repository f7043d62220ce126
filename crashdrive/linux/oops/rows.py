"""Rows of a log's events, registers and modules, for reports and rules."""

from __future__ import annotations

from crashdrive.linux.oops.records import Event
from crashdrive.records import Address, Record


class Reported(Record, frozen=True):
    """A crash report in the log: an oops, a warning, a lockup...

    ``timestamp``: seconds since boot. ``cause``: the kernel died of it; ``function``: its culprit.
    """

    timestamp: float | None
    kind: str
    title: str
    function: str | None
    module: str | None
    cpu: int | None
    pid: int | None
    comm: str | None
    cause: bool


def reported(event: Event, cause: Event | None) -> Reported:
    """The row of an event."""
    frame = event.culprit
    return Reported(
        timestamp=event.time,
        kind=event.kind,
        title=event.title,
        function=frame.function if frame else None,
        module=frame.module if frame else None,
        cpu=event.cpu,
        pid=event.pid,
        comm=event.comm,
        cause=event == cause,
    )


class Register(Record, frozen=True):
    """A register as the oops printed it; ``symbol``: the symbol that its value points into."""

    register: str
    value: Address
    symbol: str | None


class LoadedInTrace(Record, frozen=True):
    """A module of the trace, or one that taints the kernel; ``flags``: its taints' letters.

    ``version``, ``srcversion``: as modinfo has them, where the module is loaded and has any.
    """

    module: str
    flags: str
    in_trace: bool
    out_of_tree: bool = False
    proprietary: bool = False
    version: str | None = None
    srcversion: str | None = None
