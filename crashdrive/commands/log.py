"""``log``: the kernel's message buffer."""

from __future__ import annotations

from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.log import AuditEntry, LogEntry, SafeBuffer
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def log(
    crash: Runner,
    *,
    levels: bool = False,
    dates: bool = False,
    callers: bool = False,
    properties: bool = False,
    timeout: float | None = None,
) -> Answer[LogEntry]:
    """The kernel's messages, oldest first: seconds since boot and text.

    ``levels`` adds each message's level (0 to 7), ``dates`` gives crash's calendar time in place of the
    seconds, ``callers`` the thread or CPU that printed, ``properties`` the key/value pairs of device
    messages. Source: crash's ``log``.
    """
    letters = (flag("m", levels), flag("T", dates), flag("c", callers), flag("d", properties))
    return call(crash, line("log", *letters), timeout=timeout)


def log_audit(crash: Runner) -> Answer[AuditEntry]:
    """Audit records that nobody had fetched (``log -a``)."""
    return call(crash, "log -a")


def log_unflushed(crash: Runner) -> Answer[SafeBuffer]:
    """Messages still in per-CPU buffers (``log -s``); kernels since 5.15 have none."""
    return call(crash, "log -s")
