"""Data in send queues that isn't sent, or isn't acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import who
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import QueuedData


@rule(
    id="send-queue-stuck",
    severity="warning",
    looks_at=("netsummary.queues",),
    message="{count:socket|sockets} can't get rid of data",
    threshold="TCP: data, and nothing was sent or acknowledged for 1 s",
    explanation="The peer's window is closed (it doesn't read), or packets get lost on the way.",
    advice=(
        "Retransmits say that packets get lost; probes (crashdrive report netstat -o) that the window is "
        "closed."
    ),
    reference="net/ipv4/tcp_output.c: tcp_write_xmit(), tcp_send_probe0()",
)
def send_queue_stuck(queues: Iterable[QueuedData]) -> Iterator[Match]:
    stuck = [row for row in queues if row.stuck in {"send", "both"}]
    return matches(sorted(stuck, key=lambda row: -(row.send_q or 0)), _unsent)


def _unsent(row: QueuedData) -> str:
    moved = min(age for age in (row.acknowledged_ago, row.sent_ago) if age is not None)
    told = f"{who(row)}: {row.send_q} bytes, nothing moved for {moved:.1f} s"
    return (
        told
        if row.retransmits is None
        else f"{told}, {counted(row.retransmits, 'retransmit', 'retransmits')}"
    )
