"""Tasks wait for room in a message queue: nobody takes messages out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.ipc.waiters import IpcWaiter


@rule(
    id="message-queue-full",
    severity="warning",
    looks_at=("ipc.waiters",),
    message="{count:task waits|tasks wait} for room in a message queue",
    threshold="a sender waits at a System V or POSIX queue",
    explanation="The receiver doesn't read the queue, or is slower than the senders.",
    advice=(
        "See which process read it last, and whether it lives: crashdrive report ipc, crashdrive report ps."
    ),
    reference="ipc/msg.c: do_msgsnd(); ipc/mqueue.c: do_mq_timedsend()",
)
def message_queue_full(waiters: Iterable[IpcWaiter]) -> Iterator[Match]:
    return matches((row for row in waiters if row.waits_for_what.startswith("room")), _told)


def _told(row: IpcWaiter) -> str:
    queue = f"{row.ipc_type} {row.name if row.ipc_id is None else row.ipc_id}"
    seconds = "" if row.state_seconds is None else f" for {row.state_seconds:.1f} s"
    return f"{queue}: {row.comm} ({row.pid}){seconds}"
