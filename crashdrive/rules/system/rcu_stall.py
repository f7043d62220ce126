"""An RCU grace period that doesn't end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.rcu.grace_periods import GracePeriod


# where the kernel's own time-out isn't known: CONFIG_RCU_CPU_STALL_TIMEOUT of most configurations
SECONDS = 21.0


@rule(
    id="rcu-stall",
    severity="critical",
    looks_at=("rcu.grace_period",),
    message="an RCU grace period doesn't end",
    threshold=f"it has been in progress for the kernel's own time-out (or {SECONDS:.0f} seconds)",
    explanation="Memory that waits for it isn't freed; tasks that wait for it (synchronize_rcu) don't go on.",
    advice=(
        "CPUs that hold it up: crashdrive report stacks --running. Its thread, which may not run: "
        "crashdrive report cpu."
    ),
    reference="Documentation/RCU/stallwarn.rst",
)
def rcu_stall(periods: Iterable[GracePeriod]) -> Iterator[Match]:
    return matches((one for one in periods if one.in_progress and _is_old(one)), _told)


def _is_old(one: GracePeriod) -> bool:
    return one.age_seconds is not None and one.age_seconds >= (one.stall_timeout or SECONDS)


def _told(one: GracePeriod) -> str:
    cpus = ", ".join(map(str, one.held_up_cpus or ()))
    held = f"held up by CPU {cpus}" if cpus else f"no CPU holds it up; its thread {one.thread_step}"
    return f"grace period {one.grace_period} for {one.age_seconds:.1f} s, {held}"
