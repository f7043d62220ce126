"""The kernel had reported something before it died."""

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
    message="the kernel had reported {count:other thing|other things} before what it died of",
    threshold="an oops, a warning, a lockup or the like stands in the log before the cause",
    explanation="What came first may be where it began: damaged memory kills somebody else later.",
    advice="Read them in their order: crashdrive report panic, crashdrive report dmesg --level warning.",
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
