"""The hypervisor gave much of a CPU's time to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.sched.cpu_times import CpuTimes

PERCENT = 10.0


@rule(
    id="steal-time",
    severity="warning",
    looks_at=("cpu.times",),
    message="the hypervisor gave much time of {count:CPU|CPUs} to others",
    threshold=f"steal is {PERCENT:.0f} % or more of a CPU's time since the start",
    explanation="A virtual CPU that isn't run keeps its locks: lockups and stalls may come of it alone.",
    advice="Look at the load of the host, and at its limits for this guest.",
    reference="kernel/sched/cputime.c: steal_account_process_time()",
)
def steal_time(times: Iterable[CpuTimes]) -> Iterator[Match]:
    stolen = (row for row in times if (row.steal_percent or 0) >= PERCENT)
    return matches(stolen, lambda row: f"cpu {row.cpu}: {row.steal_percent} %, {row.steal_seconds:.1f} s")
