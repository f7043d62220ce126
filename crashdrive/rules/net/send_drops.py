"""Outgoing packets that were dropped, or had no route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.linux.net.counters.losses import SENT
from crashdrive.rules import Match, rule
from crashdrive.rules.net._words import losses

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.snmp import Counter

SAID = "packets to be sent were dropped or had no route since the start"


@rule(
    id="send-drops",
    severity="warning",
    looks_at=("snmp.counters",),
    message=SAID,
    threshold="any since the start",
    explanation="Buffers or queues were full when they were sent, or no route led to where they should go.",
    advice="crashdrive report routing shows the routes, crashdrive report qdisc --busy the queues.",
    reference="net/ipv4/udp.c: udp_sendmsg(); net/ipv4/route.c: ip_route_output_key_hash_rcu()",
)
def send_drops(counters: Iterable[Counter]) -> Iterator[Match]:
    return losses(counters, SENT, SAID)
