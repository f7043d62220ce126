"""Protocols whose memory is under pressure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net.memory_limit import is_over, takes

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.sockstat import ProtocolMemory


@rule(
    id="memory-pressure",
    severity="warning",
    looks_at=("sockstat.memory",),
    message="{count:protocol is|protocols are} short of memory",
    threshold="at or above the 2nd number of tcp_mem, udp_mem, or marked as under pressure",
    explanation="Buffers of their sockets don't grow, and shrink where they can: transfers get slow.",
    advice="See which sockets hold it: crashdrive report netstat -a -e.",
    reference="net/core/sock.c: sk_enter_memory_pressure(); ip-sysctl.rst: tcp_mem, udp_mem",
)
def memory_pressure(memory: Iterable[ProtocolMemory]) -> Iterator[Match]:
    return matches((row for row in memory if _is_pressed(row)), takes)


def _is_pressed(row: ProtocolMemory) -> bool:
    short = bool(row.under_pressure) or is_over(row.memory, row.pressure_at)
    return short and not is_over(row.memory, row.high)
