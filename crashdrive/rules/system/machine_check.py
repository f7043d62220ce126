"""A machine check happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.system.taint import Taint


@rule(
    id="machine-check",
    severity="critical",
    looks_at=("sysinfo.taints",),
    message="the processor reported a machine check",
    threshold="the kernel has taint M",
    explanation="Memory, a bus or the processor itself is at fault: what the kernel did then proves little.",
    advice="Read its messages: crashdrive report dmesg --grep mce; then the machine's own event log.",
    reference="kernel/panic.c: TAINT_MACHINE_CHECK",
)
def machine_check(taints: Iterable[Taint]) -> Iterator[Match]:
    return matches((flag for flag in taints if flag.letter == "M"), lambda flag: flag.meaning)
