"""CPUs that wait for another one that takes no interrupts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.smp.calls import CpuCall


SECONDS = 3.0


@rule(
    id="ipi-stuck",
    severity="critical",
    looks_at=("smp.calls",),
    message="{count:call waits|calls wait} for a CPU that takes no interrupts",
    threshold=f"a call is waited for, and the last tick of its CPU is {SECONDS:.0f} s or more ago",
    explanation=(
        "The calling CPU spins with preemption off: it is reported as locked up, but the other CPU is at "
        "fault."
    ),
    advice=(
        "See what to_cpu runs: crashdrive report stacks --running. It has interrupts off, or the host "
        "doesn't run it."
    ),
    reference="kernel/smp.c: csd_lock_wait()",
)
def ipi_stuck(calls: Iterable[CpuCall]) -> Iterator[Match]:
    stuck = (one for one in calls if one.waits and (one.target_tick_seconds or 0) >= SECONDS)
    return matches(stuck, _told)


def _told(one: CpuCall) -> str:
    who = "" if one.from_cpu is None else f"CPU {one.from_cpu}"
    task = f" ({one.comm}, pid {one.pid})" if one.pid is not None else ""
    return (
        f"{who or 'a CPU'}{task} waits for CPU {one.to_cpu} to run {one.called_function};"
        f" its last tick is {one.target_tick_seconds:.1f} s ago"
    )
