"""CPUs that should have ticks, and had none for seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.cpu_states import CpuState

SECONDS = 3.0


@rule(
    id="cpu-without-tick",
    severity="critical",
    looks_at=("cpu.cpus",),
    message="{count:CPU|CPUs} had no timer tick for seconds",
    threshold=f"the last tick is {SECONDS:.0f} s or more ago, and the tick isn't stopped (idle, nohz_full)",
    explanation=(
        "The CPU has interrupts off, or the hypervisor doesn't run it: its timers, RCU and IPIs wait."
    ),
    advice=(
        "See what it runs: crashdrive report stacks --running. Look for spin_lock_irqsave and the lock's "
        "owner."
    ),
    reference="kernel/time/tick-sched.c",
)
def cpu_without_tick(cpus: Iterable[CpuState]) -> Iterator[Match]:
    silent = (row for row in cpus if not row.tick_stopped and (row.tick_seconds or 0) >= SECONDS)
    return matches(
        silent, lambda row: f"cpu {row.cpu}: {row.tick_seconds:.1f} s, {row.comm} ({row.pid}) runs"
    )
