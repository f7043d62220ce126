"""Received data that the program doesn't read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import who

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import QueuedData


@rule(
    id="receive-queue-stuck",
    severity="warning",
    looks_at=("netsummary.queues",),
    message="{count:socket holds|sockets hold} data that nobody reads",
    threshold="TCP: data, and nothing came for 1 s",
    explanation=(
        "The program doesn't read: it is blocked, busy, or has forgotten the socket. Its peer will stop "
        "sending."
    ),
    advice="Look at what the process waits for: crashdrive exec VMCORE 'bt PID'.",
    reference="net/ipv4/tcp.c: tcp_recvmsg(), tcp_inq()",
)
def receive_queue_stuck(queues: Iterable[QueuedData]) -> Iterator[Match]:
    stuck = [row for row in queues if row.stuck in {"receive", "both"}]
    return matches(sorted(stuck, key=lambda row: -(row.recv_q or 0)), _unread)


def _unread(row: QueuedData) -> str:
    return f"{who(row)}: {row.recv_q} bytes, the last came {row.received_ago:.1f} s ago"
