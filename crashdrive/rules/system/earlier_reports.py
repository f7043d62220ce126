"""Reports in the log before that of the crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.oops.rows import Reported


@rule(
    id="earlier-reports",
    severity="warning",
    looks_at=("panic.events",),
    message="the kernel had reported {count:other problem|other problems} before it died",
    threshold="an oops, a warning, a lockup or the like stands in the log before the cause",
    explanation="The first report may be of the cause: damaged memory shows later, and elsewhere.",
    advice=(
        "Read the reports in their order: crashdrive report panic, crashdrive report dmesg --level warning."
    ),
    reference="kernel/panic.c: add_taint()",
)
def earlier_reports(events: Iterable[Reported]) -> Iterator[Match]:
    before: list[Reported] = []
    for event in events:
        if event.cause:
            yield from matches(before, _told)
            return
        before.append(event)


def _told(event: Reported) -> str:
    when = "" if event.timestamp is None else f"{event.timestamp:.3f} s: "
    return f"{when}{event.title}"
