"""Ranges of local ports that are nearly used up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net import ports_exhausted
from crashdrive.rules.net._words import ports_used

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.ports import PortUse

PART = 0.8


@rule(
    id="ports-nearly-exhausted",
    severity="warning",
    looks_at=("netsummary.ports",),
    message="{count:range of local ports is|ranges of local ports are} nearly used up",
    threshold=f"{PART:.0%} of ip_local_port_range",
    explanation=(
        "New connections soon fail with EADDRNOTAVAIL; the kernel takes longer to find a free port."
    ),
    advice="See which programs have the ports, and the sockets' states: crashdrive report netstat -p.",
    reference="net/ipv4/inet_hashtables.c: __inet_hash_connect(); ip-sysctl.rst: ip_local_port_range",
)
def ports_nearly_exhausted(ports: Iterable[PortUse]) -> Iterator[Match]:
    nearly = (row for row in ports if PART <= row.used / row.range_size < ports_exhausted.PART)
    return matches(nearly, ports_used)
