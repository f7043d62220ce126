"""Counting semaphores, which nobody owns: kernel/locking/semaphore.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, from_list

TYPE = "semaphore"
FUNCTIONS = re.compile(r"_{0,3}down(_common|_interruptible|_killable|_timeout)?")


def lock(stack: WaitingStack) -> int | None:
    """The ``struct semaphore``."""
    return from_list(stack, ("struct semaphore_waiter", "task", "list"), ("struct semaphore", "wait_list"))
