"""CPUs with very many waiting RCU callbacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.rcu.grace_periods import RcuCpu


CALLBACKS = 100_000


@rule(
    id="rcu-callbacks",
    severity="warning",
    looks_at=("rcu.cpus",),
    message="very many RCU callbacks wait on {count:CPU|CPUs}",
    threshold=f"{CALLBACKS} callbacks of a CPU or more wait",
    explanation="Each keeps memory until the grace period ends and it has run: memory may run out.",
    advice="If the grace period ends (no rcu-stall), callbacks come faster than they are run.",
    reference="kernel/rcu/tree.c: rcu_do_batch()",
)
def rcu_callbacks(cpus: Iterable[RcuCpu]) -> Iterator[Match]:
    many = (cpu for cpu in cpus if (cpu.callbacks or 0) >= CALLBACKS)
    return matches(many, lambda cpu: f"CPU {cpu.cpu}: {cpu.callbacks} callbacks wait")
