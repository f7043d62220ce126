"""Listening sockets with as many half-open connections as they may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import who

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import ListenQueue


@rule(
    id="syn-queue-full",
    severity="warning",
    looks_at=("netsummary.listen_queues",),
    message="{count:SYN queue is|SYN queues are} full",
    threshold="as many half-open connections as the limit",
    explanation=(
        "Clients that don't complete their handshake fill the queue: a SYN flood, or answers that "
        "don't reach them. New ones are dropped, or get SYN cookies."
    ),
    advice=(
        "crashdrive report netstat -l -e shows from where; net.ipv4.tcp_syncookies says which of the two."
    ),
    reference=(
        "include/net/inet_connection_sock.h: inet_csk_reqsk_queue_is_full(); ip-sysctl.rst: "
        "tcp_max_syn_backlog"
    ),
)
def syn_queue_full(queues: Iterable[ListenQueue]) -> Iterator[Match]:
    full = (row for row in queues if row.syn_queue and row.syn_queue >= (row.accept_limit or 0))
    return matches(full, _handshaking)


def _handshaking(row: ListenQueue) -> str:
    return f"{who(row)}: {row.syn_queue} half-open connections, limit {row.accept_limit}"
