"""Futexes, also those with priority inheritance: kernel/futex/."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, on_a_list

TYPE = "futex"
FUNCTIONS = re.compile(r"(__)?futex_(wait|lock_pi)\w*")
# a waiter for a futex with priority inheritance sleeps in functions of rtmutexes
ENCLOSES = True


def lock(stack: WaitingStack) -> int | None:
    """The waiter's ``struct futex_q``; `crashdrive.linux.locks.objects.futex` knows its futex."""
    found = on_a_list(stack, "struct futex_q", "task", "list.node_list")
    return None if found is None else found.address
