"""The kernel was patched while it ran."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.system.taint import Taint


@rule(
    id="live-patched",
    severity="info",
    looks_at=("sysinfo.taints",),
    message="the kernel was live patched",
    threshold="the kernel has taint K",
    explanation="Functions may differ from those of the vmlinux: lines and offsets may be wrong.",
    advice="See the patches, which are modules: crashdrive exec VMCORE 'mod -t'.",
    reference="kernel/livepatch/core.c",
)
def live_patched(taints: Iterable[Taint]) -> Iterator[Match]:
    return matches((flag for flag in taints if flag.letter == "K"), lambda flag: flag.meaning)
