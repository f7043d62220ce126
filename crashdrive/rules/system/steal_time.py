"""CPUs much of whose time the hypervisor gave to others."""

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
    explanation=(
        "A virtual CPU that the host doesn't run keeps its locks: that alone may cause lockups and stalls."
    ),
    advice="Look at the load of the host, and at its limits for this guest.",
    reference="kernel/sched/cputime.c: steal_account_process_time()",
)
def steal_time(times: Iterable[CpuTimes]) -> Iterator[Match]:
    stolen = (row for row in times if (row.steal_percent or 0) >= PERCENT)
    return matches(stolen, lambda row: f"cpu {row.cpu}: {row.steal_percent} %, {row.steal_seconds:.1f} s")
