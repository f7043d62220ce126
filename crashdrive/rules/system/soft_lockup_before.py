"""A soft lockup that happened before the crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.system.taint import Taint


@rule(
    id="soft-lockup-before",
    severity="warning",
    looks_at=("sysinfo.taints",),
    message="a CPU had been stuck in the kernel before",
    threshold="the kernel has taint L",
    explanation="The watchdog found a CPU that didn't switch tasks for long; it went on later.",
    advice="Read where it was stuck: crashdrive report dmesg --grep 'soft lockup'.",
    reference="kernel/watchdog.c: TAINT_SOFTLOCKUP",
)
def soft_lockup_before(taints: Iterable[Taint]) -> Iterator[Match]:
    return matches((flag for flag in taints if flag.letter == "L"), lambda flag: flag.meaning)
