"""Received data that was dropped for lack of room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.linux.net.counters.losses import RECEIVED
from crashdrive.rules import Match, rule
from crashdrive.rules.net._words import losses

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.snmp import Counter

SAID = "received data was dropped for lack of room since the start"


@rule(
    id="receive-drops",
    severity="warning",
    looks_at=("snmp.counters",),
    message=SAID,
    threshold="any since the start",
    explanation=(
        "Buffers of sockets, or the memory of a protocol, were full: programs read too slowly, "
        "or a burst came."
    ),
    advice=(
        "crashdrive report netstat -a -e shows buffers and drops by socket; see net.core.rmem_max, "
        "tcp_rmem, udp_mem."
    ),
    reference="Documentation/networking/snmp_counter.rst; net/ipv4/udp.c: __udp_enqueue_schedule_skb()",
)
def receive_drops(counters: Iterable[Counter]) -> Iterator[Match]:
    return losses(counters, RECEIVED, SAID)
