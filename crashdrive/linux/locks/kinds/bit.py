"""Bits in a word that are waited for, such as buffers' locks: kernel/sched/wait_bit.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack

TYPE = "bit"
FUNCTIONS = re.compile(r"(__|out_of_line_)?wait_on_(bit|buffer)\w*|__lock_buffer|__wait_on_bit_lock")
_KIND = "struct wait_bit_queue_entry"


def lock(stack: WaitingStack) -> int | None:
    """The address of the word; a buffer's is that of its ``struct buffer_head``."""
    kernel = stack.kernel
    for place in stack.waiters(_KIND, "wq_entry.private"):
        if stack.head(place + kernel.offset(_KIND, "wq_entry.entry")) is not None:
            return kernel.read_pointer(place + kernel.offset(_KIND, "key.flags")) or None
    return None
