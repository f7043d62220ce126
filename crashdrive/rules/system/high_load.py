"""Far more tasks wanted to run, or were blocked, than there are CPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.system.system import System

TIMES = 4


@rule(
    id="high-load",
    severity="warning",
    looks_at=("sysinfo.system",),
    message="the load average is several times the number of CPUs",
    threshold="the load of the last minute is more than four times the CPUs that are present",
    explanation="The load counts tasks that run, that are queued, and that are in uninterruptible sleep.",
    advice="See which of these there are: crashdrive report hang, crashdrive report stacks --running.",
    reference="kernel/sched/loadavg.c",
)
def high_load(systems: Iterable[System]) -> Iterator[Match]:
    busy = (row for row in systems if row.load_1 and row.cpus and row.load_1 > TIMES * row.cpus)
    return matches(busy, lambda row: f"{row.load_1} of {row.cpus} CPUs ({row.load_5}, {row.load_15})")
