"""Timer wheels with timers that have been overdue for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.time.wheel import TimerWheel


SECONDS = 2.0


@rule(
    id="timers-late",
    severity="warning",
    looks_at=("timers.wheels",),
    message="timers of {count:wheel|wheels} are long overdue",
    threshold=f"a timer of a wheel that isn't idle is overdue by {SECONDS:.0f} seconds, and not deferrable",
    explanation=(
        "The softirq TIMER runs timers' functions: something keeps the CPU from running that softirq."
    ),
    advice="See what the CPU ran, and which softirqs wait: crashdrive report cpu, stacks --running.",
    reference="kernel/time/timer.c: run_timer_softirq()",
)
def timers_late(wheels: Iterable[TimerWheel]) -> Iterator[Match]:
    late = (one for one in wheels if one.wheel != "deferrable" and _overdue(one) >= SECONDS)
    return matches(late, lambda one: f"CPU {one.cpu}, {one.wheel}: by {_overdue(one):.1f} s")


def _overdue(one: TimerWheel) -> float:
    # the wheel's clock stands still without timers, and while its CPU is idle
    due = one.timer_count and not one.wheel_idle and one.next_left is not None
    return min(max(-(one.next_left or 0.0), 0.0), one.lag_seconds or 0.0) if due else 0.0
