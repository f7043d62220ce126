"""Bits that tasks wait for, such as locks of buffers: kernel/sched/wait_bit.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, on_a_list

TYPE = "bit"
FUNCTIONS = re.compile(r"(__|out_of_line_)?wait_on_(bit|buffer)\w*|__lock_buffer|__wait_on_bit_lock")
_KIND = "struct wait_bit_queue_entry"


def lock(stack: WaitingStack) -> int | None:
    """The address of the word with the bit; for a buffer, that of its ``struct buffer_head``."""
    kernel = stack.kernel
    found = on_a_list(stack, _KIND, "wq_entry.private", "wq_entry.entry")
    return (
        None
        if found is None
        else kernel.read_pointer(found.address + kernel.offset(_KIND, "key.flags")) or None
    )
