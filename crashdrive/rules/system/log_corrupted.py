"""The log's report of the crash is mixed up or cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.oops import Verdict


@rule(
    id="log-corrupted",
    severity="info",
    looks_at=("panic.verdict",),
    message="the log's report of the crash is mixed up or cut",
    threshold="the verdict says corrupted",
    explanation="Several CPUs wrote at once, or the end is missing: the verdict says only what is sure.",
    advice="Read one CPU's messages alone, by their caller: crashdrive report dmesg --last 10 --caller C0.",
    reference="kernel/printk/printk.c; docs/signature.md",
)
def log_corrupted(verdicts: Iterable[Verdict]) -> Iterator[Match]:
    return matches((row for row in verdicts if row.corrupted), lambda row: row.title or "no title")
