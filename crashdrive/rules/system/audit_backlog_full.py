"""The backlog of audit is full: as many messages wait for auditd as its limit allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.security.audit import Audit


@rule(
    id="audit-backlog-full",
    severity="warning",
    looks_at=("keys.audit",),
    message="the backlog of audit is full: messages wait for auditd",
    threshold="audit's backlog has reached its limit",
    explanation="Audited tasks sleep up to a minute each in audit_log_start(): the machine seems to hang.",
    advice=(
        "See whether auditd runs, and what it waits for: crashdrive report hang. auditctl -b raises the "
        "limit."
    ),
    reference="kernel/audit.c: audit_log_start()",
)
def audit_backlog_full(states: Iterable[Audit]) -> Iterator[Match]:
    full = (one for one in states if one.backlog_limit and (one.backlog or 0) >= one.backlog_limit)
    return matches(full, _told)


def _told(one: Audit) -> str:
    daemon = "no daemon is known" if one.auditd_pid is None else f"its daemon is pid {one.auditd_pid}"
    lost = "it isn't known how many" if one.lost_messages is None else one.lost_messages
    return f"{one.backlog} of {one.backlog_limit} messages wait, {lost} were lost; {daemon}"
