"""TCP sockets whose peers don't answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import who

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import Retransmitting

MANY = 3  # TCP_RETR1 (include/net/tcp.h): from this count on, the kernel doubts the route


@rule(
    id="retransmits",
    severity="warning",
    looks_at=("netsummary.retransmitting",),
    message=f"{{count:TCP socket has|TCP sockets have}} sent the same {MANY} times or more without an answer",
    threshold=f"the same {MANY} times without an answer",
    explanation="The peer is gone, or packets don't get through in one direction.",
    advice=(
        "See the route and the neighbour on the way: crashdrive report routing, crashdrive report neighbours."
    ),
    reference="net/ipv4/tcp_timer.c: tcp_write_timeout(); ip-sysctl.rst: tcp_retries1, tcp_retries2",
)
def retransmits(retransmitting: Iterable[Retransmitting]) -> Iterator[Match]:
    many = (row for row in retransmitting if (row.retransmits or 0) >= MANY)
    return matches(many, lambda row: f"{who(row)}, {row.state}: {row.retransmits} times")
