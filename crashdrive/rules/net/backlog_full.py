"""CPUs that take no more packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.packets.softnet import Limits, Softnet


@rule(
    id="backlog-full",
    severity="critical",
    looks_at=("softnet.softnet", "softnet.limits"),
    message="{count:CPU takes|CPUs take} no more packets",
    threshold="more packets wait than netdev_max_backlog",
    explanation="Further received packets are dropped: the CPU doesn't get to its softirqs.",
    advice="See what ran on that CPU: crashdrive exec VMCORE 'bt -c CPU'.",
    reference="net/core/dev.c: enqueue_to_backlog(); net.core.netdev_max_backlog",
)
def backlog_full(cpus: Iterable[Softnet], limits: Iterable[Limits]) -> Iterator[Match]:
    limit = next((one.max_backlog for one in limits), None)
    full = [row for row in cpus if limit and (row.input_queue or 0) > limit]
    return matches(full, lambda row: f"cpu {row.cpu}: {row.input_queue} packets, limit {limit}")
