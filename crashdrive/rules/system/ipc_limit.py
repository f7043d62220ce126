"""An IPC namespace has nearly as many objects as its limit allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.ipc.spaces import IpcLimits

PERCENT = 95
_KINDS = {
    "segments": "kernel.shmmni", "shm_total": "kernel.shmall", "queues": "kernel.msgmni",
    "sets": "kernel.sem (4th)", "semaphores": "kernel.sem (2nd)", "mqueues": "fs.mqueue.queues_max",
}  # fmt: skip


@rule(
    id="ipc-limit",
    severity="warning",
    looks_at=("ipc.limits",),
    message="{count:limit of IPC is|limits of IPC are} nearly used up",
    threshold=f"{PERCENT} % of a limit of an IPC namespace, or more",
    explanation=(
        "shmget(), semget(), msgget() or mq_open() fail with ENOSPC. Objects outlive the processes that "
        "made them."
    ),
    advice=(
        "See the objects' owners: crashdrive report ipc. Objects without users are a leak; else raise the "
        "limit."
    ),
    reference="ipc/util.c: ipc_addid()",
)
def ipc_limit(limits: Iterable[IpcLimits]) -> Iterator[Match]:
    full = [
        f"ipc:[{row.ipc_namespace}]: {used} {kind.replace('_', ' ')} of {most} ({setting})"
        for row in limits
        for kind, setting in _KINDS.items()
        if (most := getattr(row, f"{kind}_max")) and (used := getattr(row, kind)) is not None
        if used * 100 >= most * PERCENT
    ]
    return matches(full, str)
