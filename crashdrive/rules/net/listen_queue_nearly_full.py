"""A listening socket soon takes no more connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net.listen_queue_full import accepting, is_full

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.queues import ListenQueue

NEARLY = 0.9


@rule(
    id="listen-queue-nearly-full",
    severity="warning",
    looks_at=("netsummary.listen_queues",),
    message="{count:listening socket is|listening sockets are} nearly full",
    threshold=f"{NEARLY:.0%} of the limit wait for accept()",
    explanation="The program accepts connections more slowly than clients connect.",
    advice="See whether its threads are blocked or busy; crashdrive report netstat -l -e shows who waits.",
    reference="include/net/sock.h: sk_acceptq_is_full(); listen(2)",
)
def listen_queue_nearly_full(queues: Iterable[ListenQueue]) -> Iterator[Match]:
    return matches((row for row in queues if is_nearly_full(row)), accepting)


def is_nearly_full(row: ListenQueue) -> bool:
    """Whether a queue is nearly full, and not full."""
    known = bool(row.accept_queue) and row.accept_limit is not None and not is_full(row)
    return known and (row.accept_queue or 0) >= NEARLY * (row.accept_limit or 0)
