"""Wait queues of no other kind, such as those of journals and drivers: kernel/sched/wait.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, from_list

TYPE = "waitqueue"
# these match every sleeping task; this kind is tried last
FUNCTIONS = re.compile(r"(__)?schedule\w*|io_schedule\w*")


def lock(stack: WaitingStack) -> int | None:
    """The ``struct wait_queue_head``."""
    entry = ("struct wait_queue_entry", "private", "entry")
    return from_list(stack, entry, ("struct wait_queue_head", "head"))
