"""Counters of losses, by the kind of loss.

Sources: Documentation/networking/snmp_counter.rst, net/ipv4/proc.c, net/ipv6/proc.c.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from crashdrive.linux.net.counters.snmp import Counter


class Losses(NamedTuple):
    """Counters by their groups and names: each of these names in each of these groups."""

    groups: frozenset[str]
    names: frozenset[str]

    def include(self, counter: Counter) -> bool:
        """Whether a counter is one of them."""
        return counter.group in self.groups and counter.name in self.names


CONNECTIONS = Losses(
    frozenset({"TcpExt"}),
    frozenset({"ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies"}),
)
"""Connections that found no room in a listening socket's queues."""

RECEIVED = Losses(
    frozenset({"TcpExt", "Udp", "Udp6", "UdpLite", "UdpLite6"}),
    frozenset(
        {
            "RcvbufErrors", "MemErrors", "TCPBacklogDrop", "TCPRcvQDrop", "RcvPruned", "OfoPruned",
            "PruneCalled", "TCPOFODrop", "PFMemallocDrop", "TCPZeroWindowDrop",
        }
    ),
)  # fmt: skip
"""Received data that was dropped for lack of room."""

SENT = Losses(
    frozenset({"Udp", "Udp6", "UdpLite", "UdpLite6", "Ip", "Ip6"}),
    frozenset({"SndbufErrors", "OutDiscards", "OutNoRoutes"}),
)
"""Packets to be sent that were dropped, or had no route."""

SHORTAGE = Losses(
    frozenset({"TcpExt"}), frozenset({"TCPAbortOnMemory", "TCPMemoryPressures", "TCPTimeWaitOverflow"})
)
"""Times at which TCP ran short of memory."""

ALL = (CONNECTIONS, RECEIVED, SENT, SHORTAGE)


def is_loss(counter: Counter) -> bool:
    """Whether a counter counts losses."""
    return bool(counter.value) and any(losses.include(counter) for losses in ALL)


def lost(counters: Iterable[Counter], losses: Losses) -> Iterator[tuple[str, list[Counter]]]:
    """The counters of a loss that aren't 0, by network namespace."""
    groups: dict[str, list[Counter]] = defaultdict(list)
    for counter in counters:
        if counter.value and losses.include(counter):
            groups[counter.netns].append(counter)
    yield from groups.items()
