"""Handlers of timers of high resolution took too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.time.hrtimers import CpuHrtimers


HANGS = 100


@rule(
    id="hrtimer-hang",
    severity="info",
    looks_at=("timers.cpus",),
    message="interrupts of timers took too long on {count:CPU|CPUs}",
    threshold=f"{HANGS} times, the interrupt of timers of high resolution gave up",
    explanation="Handlers took longer than until the next timer was due; a slow host does that, too.",
    advice="See which functions are due: crashdrive report timers, table hrtimers; steal time in report cpu.",
    reference="kernel/time/hrtimer.c: hrtimer_interrupt()",
)
def hrtimer_hang(cpus: Iterable[CpuHrtimers]) -> Iterator[Match]:
    hung = (cpu for cpu in cpus if (cpu.hangs or 0) >= HANGS)
    return matches(
        hung, lambda cpu: f"CPU {cpu.cpu}: {cpu.hangs} times, {cpu.longest_hang_seconds} s at most"
    )
