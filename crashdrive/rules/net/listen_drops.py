"""Connections that were dropped, as a listening socket's queue was full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.linux.net.counters.losses import CONNECTIONS
from crashdrive.rules import Match, rule
from crashdrive.rules.net._words import losses

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.snmp import Counter

SAID = "connections found no room in a queue since the start"


@rule(
    id="listen-drops",
    severity="warning",
    looks_at=("snmp.counters",),
    message=SAID,
    threshold="any since the start",
    explanation="Programs accepted too slowly at some time, or SYNs came in a flood; clients saw timeouts.",
    advice=(
        "The drops of each socket are in netsummary's listen_queues; raise backlogs where the program is "
        "fast enough."
    ),
    reference="Documentation/networking/snmp_counter.rst: TcpExtListenOverflows, TcpExtListenDrops",
)
def listen_drops(counters: Iterable[Counter]) -> Iterator[Match]:
    return losses(counters, CONNECTIONS, SAID)
