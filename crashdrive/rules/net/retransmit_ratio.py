"""Namespaces in which TCP retransmitted a large part of its segments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from crashdrive.rules import Match, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.snmp import Counter

WARNING, CRITICAL = 0.01, 0.1
FEWEST = 100


@rule(
    id="retransmit-ratio",
    severity="warning",
    looks_at=("snmp.counters",),
    message="much of what TCP sent was sent again",
    threshold=f"{FEWEST} RetransSegs, {WARNING:.0%} of OutSegs ({CRITICAL:.0%}: critical)",
    explanation="Packets get lost on the way, or acknowledgements come too late. Counted since the start.",
    advice=(
        "See drops of interfaces and qdiscs: crashdrive report interfaces -s, crashdrive report qdisc --busy."
    ),
    reference="net/ipv4/tcp_output.c: __tcp_retransmit_skb(); RFC 4022: tcpRetransSegs",
)
def retransmit_ratio(counters: Iterable[Counter]) -> Iterator[Match]:
    groups: dict[str, dict[str, int | None]] = defaultdict(dict)
    for one in counters:
        if one.group == "Tcp":
            groups[one.netns][one.name] = one.value
    for netns, values in groups.items():
        yield from _ratio(netns, values)


def _ratio(netns: str, values: Mapping[str, int | None]) -> Iterator[Match]:
    """Retransmitted segments by all sent ones: OutSegs doesn't count retransmitted ones. A missing counter
    counts as 0.
    """
    again, out = values.get("RetransSegs", 0), values.get("OutSegs", 0)
    if again is None or out is None or again < FEWEST or again < WARNING * out:
        return
    yield Match(
        severity="critical" if again >= CRITICAL * out else None,
        message=f"much of what TCP sent was sent again (netns {netns})",
        evidence=(f"TcpRetransSegs {again}", f"TcpOutSegs {out}"),
    )
