"""Bits in a word that are waited for, such as buffers' locks: kernel/sched/wait_bit.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, on_a_list

TYPE = "bit"
FUNCTIONS = re.compile(r"(__|out_of_line_)?wait_on_(bit|buffer)\w*|__lock_buffer|__wait_on_bit_lock")
_KIND = "struct wait_bit_queue_entry"


def lock(stack: WaitingStack) -> int | None:
    """The address of the word; a buffer's is that of its ``struct buffer_head``."""
    kernel = stack.kernel
    found = on_a_list(stack, _KIND, "wq_entry.private", "wq_entry.entry")
    return (
        None
        if found is None
        else kernel.read_pointer(found.address + kernel.offset(_KIND, "key.flags")) or None
    )
