"""A listening socket takes no more connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import who

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import ListenQueue


@rule(
    id="listen-queue-full",
    severity="critical",
    looks_at=("netsummary.listen_queues",),
    message="{count:listening socket takes|listening sockets take} no more connections",
    threshold="more connections wait for accept() than the limit",
    explanation=(
        "The program doesn't call accept() as fast as clients connect. The kernel drops the last part of "
        "their handshakes: clients see timeouts."
    ),
    advice=(
        "Look at what the program waits for (crashdrive exec VMCORE 'bt PID'); its limit is the lower one of "
        "listen()'s backlog and net.core.somaxconn."
    ),
    reference="include/net/sock.h: sk_acceptq_is_full(); listen(2)",
)
def listen_queue_full(queues: Iterable[ListenQueue]) -> Iterator[Match]:
    return matches((row for row in queues if is_full(row)), accepting)


def is_full(row: ListenQueue) -> bool:
    """Whether no more connections fit: the kernel takes one more than the limit."""
    return (
        bool(row.accept_queue) and row.accept_limit is not None and (row.accept_queue or 0) > row.accept_limit
    )


def accepting(row: ListenQueue) -> str:
    """A queue as evidence."""
    dropped = f", {row.drops} dropped" if row.drops else ""
    return f"{who(row)}: {row.accept_queue} wait for accept(), limit {row.accept_limit}{dropped}"
