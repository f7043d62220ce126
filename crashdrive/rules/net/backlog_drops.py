"""CPUs that dropped received packets before any protocol saw them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.packets.softnet import Softnet


@rule(
    id="backlog-drops",
    severity="warning",
    looks_at=("softnet.softnet",),
    message="{count:CPU|CPUs} dropped received packets",
    threshold="any since the start",
    explanation=(
        "A CPU's backlog was full, or the flow limit was hit: packets come faster than the CPU takes them."
    ),
    advice="Spread receive work (RPS, more queues), or raise net.core.netdev_max_backlog for bursts.",
    reference="net/core/dev.c: enqueue_to_backlog(), skb_flow_limit()",
)
def backlog_drops(cpus: Iterable[Softnet]) -> Iterator[Match]:
    dropped = (row for row in cpus if row.dropped or row.flow_limit_count)
    return matches(dropped, _dropped)


def _dropped(row: Softnet) -> str:
    return f"cpu {row.cpu}: {row.dropped} dropped, {row.flow_limit_count or 0} by the flow limit"
