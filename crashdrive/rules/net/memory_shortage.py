"""Counts of how often TCP ran short of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.linux.net.counters.losses import SHORTAGE
from crashdrive.rules import Match, rule
from crashdrive.rules.net._words import losses

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.snmp import Counter

SAID = "TCP ran short of memory since the start"


@rule(
    id="memory-shortage",
    severity="warning",
    looks_at=("snmp.counters",),
    message=SAID,
    threshold="any since the start",
    explanation=(
        "TCP was above its limits (tcp_mem, tcp_max_orphans, tcp_max_tw_buckets): it shrank buffers or "
        "closed connections."
    ),
    advice="crashdrive report sockstat shows what it takes now, and the limits.",
    reference="net/ipv4/tcp.c: tcp_enter_memory_pressure(); net/ipv4/tcp_timer.c: tcp_out_of_resources()",
)
def memory_shortage(counters: Iterable[Counter]) -> Iterator[Match]:
    return losses(counters, SHORTAGE, SAID)
