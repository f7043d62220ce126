"""Semaphores of readers and writers: kernel/locking/rwsem.c."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.locks.base import Owner, WaitingStack, from_list, owner_words

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

TYPE = "rwsem"
FUNCTIONS = re.compile(r"rwsem_down_\w+|(__)?down_(read|write)\w*|call_rwsem_down_\w+")
_READER, _FLAGS = 1, 7  # RWSEM_READER_OWNED, RWSEM_OWNER_FLAGS_MASK and what mutexes have


def lock(stack: WaitingStack) -> int | None:
    """The ``struct rw_semaphore``."""
    return from_list(stack, ("struct rwsem_waiter", "task", "list"), ("struct rw_semaphore", "wait_list"))


def owners(survey: Survey, addresses: Sequence[int]) -> Mapping[int, Owner]:
    """The writer that holds it, or the last reader that took it: it may have left while others still read."""
    words = owner_words(survey, "struct rw_semaphore", ("owner.counter", "owner"), addresses)
    return {
        address: Owner(word & ~_FLAGS, reader=bool(word & _READER))
        for address, word in words.items()
        if word & ~_FLAGS
    }
