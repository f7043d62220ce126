"""Somebody crashed the kernel on purpose (sysrq-c and the like)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.oops import Verdict


@rule(
    id="sysrq-crash",
    severity="info",
    looks_at=("panic.verdict",),
    message="the kernel didn't fail: somebody ended it by sysrq",
    threshold="the verdict's kind is sysrq",
    explanation=(
        "A person, a watchdog program or a cluster's fencing wanted this dump, most often because of a hang."
    ),
    advice="Look for what made them do it: crashdrive report hang, crashdrive report stacks.",
    reference="drivers/tty/sysrq.c: sysrq_handle_crash()",
)
def sysrq_crash(verdicts: Iterable[Verdict]) -> Iterator[Match]:
    return matches((row for row in verdicts if row.kind == "sysrq"), _told)


def _told(row: Verdict) -> str:
    return f"by {row.comm} ({row.pid}) on CPU {row.cpu}"
