"""CPUs whose interrupt for high-resolution timers took too long."""

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
    threshold=f"the interrupt for high-resolution timers gave up {HANGS} times or more",
    explanation=(
        "Timers' functions ran until further timers were due, again and again; a slow host has this "
        "effect, too."
    ),
    advice="See which functions are due: crashdrive report timers, table hrtimers; steal time in report cpu.",
    reference="kernel/time/hrtimer.c: hrtimer_interrupt()",
)
def hrtimer_hang(cpus: Iterable[CpuHrtimers]) -> Iterator[Match]:
    hung = (cpu for cpu in cpus if (cpu.hangs or 0) >= HANGS)
    return matches(
        hung, lambda cpu: f"CPU {cpu.cpu}: {cpu.hangs} times, {cpu.longest_hang_seconds} s at most"
    )
