"""Sockets that dropped received packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.linux.net.sockets.detail import endpoint
from crashdrive.rules import Match, rule, told
from crashdrive.rules.net._words import socket_words

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.rows import Socket


@rule(
    id="socket-drops",
    severity="warning",
    looks_at=("netsummary.dropping",),
    message="{count:socket|sockets} dropped packets",
    threshold="any (TCP alone: info)",
    explanation=(
        "Their receive buffers were full. Of TCP the peer sends most of it again; what other sockets drop "
        "is lost."
    ),
    advice="The program reads too slowly, or SO_RCVBUF and net.core.rmem_max are too small for bursts.",
    reference="net/core/sock.c: __sock_queue_rcv_skb(); socket(7): SO_RCVBUF",
)
def socket_drops(sockets: Iterable[Socket]) -> Iterator[Match]:
    dropping = sorted((row for row in sockets if row.drops and row.state != "LISTEN"), key=_order)
    if dropping:
        lossy = any(not row.proto.startswith("tcp") for row in dropping)
        evidence = told(dropping, _dropped)
        yield Match(severity=None if lossy else "info", evidence=evidence, count=len(dropping))


def _order(row: Socket) -> tuple[bool, int]:
    return row.proto.startswith("tcp"), -(row.drops or 0)


def _dropped(row: Socket) -> str:
    ends = [endpoint(row.local_address, row.local_port), endpoint(row.remote_address, row.remote_port)]
    return f"{socket_words(row.proto, ends, row.netns, row.pid, row.program)}: {row.drops} dropped"
