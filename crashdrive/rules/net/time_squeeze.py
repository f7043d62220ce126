"""CPUs that often ended a round of receiving before all packets were processed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.packets.softnet import Softnet

PART = 0.01


@rule(
    id="time-squeeze",
    severity="info",
    looks_at=("softnet.softnet",),
    message="{count:CPU|CPUs} often had too little time for received packets",
    threshold=f"more than {PART:.0%} of a CPU's packets",
    explanation=(
        "Rounds of receiving ended at their limit while packets were waiting: these are processed late."
    ),
    advice="Spread receive work over CPUs, or raise net.core.netdev_budget and netdev_budget_usecs.",
    reference="net/core/dev.c: net_rx_action()",
)
def time_squeeze(cpus: Iterable[Softnet]) -> Iterator[Match]:
    squeezed = (row for row in cpus if (row.time_squeeze or 0) > PART * max(row.processed or 0, 1))
    return matches(
        squeezed, lambda row: f"cpu {row.cpu}: time_squeeze {row.time_squeeze}, packets {row.processed}"
    )
