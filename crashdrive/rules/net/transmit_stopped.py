"""Interfaces whose transmit queues are stopped, and don't send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import interface

if TYPE_CHECKING:
    from crashdrive.linux.net.links import Link

SECONDS = 1.0


@rule(
    id="transmit-stopped",
    severity="warning",
    looks_at=("netsummary.interfaces",),
    message="{count:interface takes|interfaces take} nothing to send",
    threshold=f"up, with a stopped queue, nothing sent for {SECONDS:g} s",
    explanation=(
        "The driver, or the limit of bytes (BQL), has stopped a queue and not started it again: packets "
        "wait in the qdisc."
    ),
    advice=(
        "See the queues: crashdrive report interfaces --queues; a card that doesn't complete sends ends "
        "in a watchdog."
    ),
    reference="include/linux/netdevice.h: netif_tx_stop_queue(), netdev_tx_sent_queue()",
)
def transmit_stopped(interfaces: Iterable[Link]) -> Iterator[Match]:
    working = (row for row in interfaces if row.up and row.carrier and row.stopped)
    return matches((row for row in working if (row.sent_ago or 0) >= SECONDS), _stopped)


def _stopped(row: Link) -> str:
    return f"{interface(row)}: stopped by {', '.join(row.stopped)}, sent {row.sent_ago:.1f} s ago"
