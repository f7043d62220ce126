"""Protocols whose sockets get no more memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.sockstat import ProtocolMemory


@rule(
    id="memory-limit",
    severity="critical",
    looks_at=("sockstat.memory",),
    message="{count:protocol gets|protocols get} no more memory",
    threshold="at or above the 3rd number of tcp_mem, udp_mem",
    explanation=(
        "Their sockets drop what they receive and can't send more, whatever their own buffers' limits are."
    ),
    advice=(
        "See which sockets hold it: crashdrive report netstat -a -e; raise the limit only if the machine "
        "has the memory."
    ),
    reference="net/core/sock.c: __sk_mem_raise_allocated(); ip-sysctl.rst: tcp_mem, udp_mem",
)
def memory_limit(memory: Iterable[ProtocolMemory]) -> Iterator[Match]:
    return matches((row for row in memory if is_over(row.memory, row.high)), takes)


def is_over(value: int | None, limit: int | None) -> bool:
    """Whether a value has reached its limit; False where either is unknown, or there is no limit."""
    return value is not None and limit is not None and limit > 0 and value >= limit


def takes(row: ProtocolMemory) -> str:
    """A protocol's memory as evidence."""
    limits = f"low {row.low}, pressure {row.pressure_at}, high {row.high}"
    return f"{', '.join(row.protocols)}: {row.memory} bytes of {row.allocated} sockets ({limits})"
