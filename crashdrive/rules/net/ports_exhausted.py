"""Ranges of local ports that are used up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import ports_used

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.ports import PortUse

PART = 0.95


@rule(
    id="ports-exhausted",
    severity="critical",
    looks_at=("netsummary.ports",),
    message="{count:range of local ports is|ranges of local ports are} used up",
    threshold=f"{PART:.0%} of ip_local_port_range",
    explanation="New connections fail with EADDRNOTAVAIL, or take long to find a port.",
    advice=(
        "Look for connections that aren't closed (crashdrive report netstat -p); widen "
        "net.ipv4.ip_local_port_range."
    ),
    reference="net/ipv4/inet_hashtables.c: __inet_hash_connect(); ip-sysctl.rst: ip_local_port_range",
)
def ports_exhausted(ports: Iterable[PortUse]) -> Iterator[Match]:
    return matches((row for row in ports if row.used >= PART * row.range_size), ports_used)
