"""The kernel's audit, as ``auditctl -s`` shows it (kernel/audit.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

# AUDIT_OFF, AUDIT_ON, AUDIT_LOCKED; AUDIT_FAIL_* (include/uapi/linux/audit.h)
_ENABLED = {0: "off", 1: "on", 2: "locked"}
_FAILURE = {0: "silent", 1: "printk", 2: "panic"}
_NUMBERS = {
    "enabled": "audit_enabled",
    "failure": "audit_failure",
    "rate": "audit_rate_limit",
    "backlog": "audit_backlog_limit",
    "lost": "audit_lost",
    "rules": "audit_n_rules",
}
_QUEUES = ("audit_queue", "audit_retry_queue", "audit_hold_queue")
_SOCKETS, _CONNECTION = "struct sk_buff_head", "struct auditd_connection"


class Audit(Record, frozen=True):
    """Audit's state.

    ``audit_enabled``: off, on, or locked until the next boot. ``on_failure``: what the kernel does where it
    loses messages (silent, printk, panic). ``auditd_pid``: the daemon. ``backlog``: messages that wait for
    it, of at most ``backlog_limit`` (0: no limit), ``retried`` and ``held`` those that it didn't take.
    ``lost_messages``: since boot, or since auditctl set it to 0. ``audit_rules``: rules of system calls and
    files, None where this kernel doesn't count them.
    """

    audit_enabled: str | None
    on_failure: str | None
    auditd_pid: int | None
    rate_limit: int | None
    backlog_limit: int | None
    backlog: int | None
    retried: int | None
    held: int | None
    lost_messages: int | None
    audit_rules: int | None


def audit(survey: Survey) -> Iterator[Audit]:
    """The one row; none where the kernel has no audit."""
    kernel = survey.kernel
    if not kernel.symbols.has("audit_enabled"):
        survey.absent("audit")
        return
    there = {key: name for key, name in _NUMBERS.items() if kernel.symbols.has(name)}
    places = [kernel.symbols.address(name) for name in there.values()]
    column = survey.gaps(kernel.read_many("unsigned int", places, [""]), "the state of audit")[""]
    found: dict[str, int | None] = dict(zip(there, column, strict=True))
    lengths = dict.fromkeys(_QUEUES) | _lengths(survey)
    daemon = survey.attempt("the audit daemon", lambda: [_daemon(survey)])
    enabled, failure = found.get("enabled"), found.get("failure")
    yield Audit(
        audit_enabled=None if enabled is None else _ENABLED.get(enabled, str(enabled)),
        on_failure=None if failure is None else _FAILURE.get(failure, str(failure)),
        auditd_pid=next(iter(daemon), None),
        rate_limit=found.get("rate"),
        backlog_limit=found.get("backlog"),
        backlog=lengths[_QUEUES[0]],
        retried=lengths[_QUEUES[1]],
        held=lengths[_QUEUES[2]],
        lost_messages=found.get("lost"),
        audit_rules=found.get("rules"),
    )


def _lengths(survey: Survey) -> dict[str, int | None]:
    """Messages in each of the queues that this kernel has."""
    kernel = survey.kernel
    there = [name for name in _QUEUES if kernel.symbols.has(name)]
    places = [kernel.symbols.address(name) for name in there]
    column = survey.gaps(kernel.read_many(_SOCKETS, places, ["qlen"]), "audit's queues")["qlen"]
    return dict(zip(there, column, strict=True))


def _daemon(survey: Survey) -> int | None:
    """The daemon's pid, in the first pid namespace; None without one. It has been kept there since 4.12."""
    kernel, path = survey.kernel, "pid->numbers[0].nr"
    place = kernel.read_pointer(kernel.symbols.address("auditd_conn"))
    column = kernel.read_many(_CONNECTION, [place] if place else [], [path])
    return next(iter(survey.gaps(column, "the audit daemon")[path]), None)
