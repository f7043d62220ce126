"""Unread data in receive queues, for an unknown time (all protocols but TCP)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import who

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import QueuedData


@rule(
    id="receive-queue-filled",
    severity="info",
    looks_at=("netsummary.queues",),
    message="{count:socket holds|sockets hold} unread data, for an unknown time",
    threshold="any data, where the kernel keeps no time (all but TCP)",
    explanation="The data may have just come, or be there for long: the kernel keeps the time for TCP alone.",
    advice="Full queues drop what comes next: see the socket's drops (crashdrive report netstat -a -e).",
    reference="net/core/datagram.c: __skb_recv_datagram()",
)
def receive_queue_filled(queues: Iterable[QueuedData]) -> Iterator[Match]:
    unread = [row for row in queues if row.recv_q and row.received_ago is None]
    unread.sort(key=lambda row: -(row.recv_q or 0))
    return matches(unread, lambda row: f"{who(row)}: {row.recv_q} bytes")
