"""Mutexes, also those of wait/wound: kernel/locking/mutex.c."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.locks.base import Owner, WaitingStack, from_list, owner_words

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

TYPE = "mutex"
FUNCTIONS = re.compile(r"(__)?(ww_)?mutex_lock\w*")
_FLAGS = 7  # MUTEX_FLAGS


def lock(stack: WaitingStack) -> int | None:
    """The ``struct mutex``; see `crashdrive.linux.locks.base`."""
    return from_list(stack, ("struct mutex_waiter", "task", "list"), ("struct mutex", "wait_list"))


def owners(survey: Survey, addresses: Sequence[int]) -> Mapping[int, Owner]:
    """The holders, by ``owner``: a pointer with flags since 4.10 (3ca0ff571b09), a pointer before."""
    words = owner_words(survey, "struct mutex", ("owner.counter", "owner"), addresses)
    return {address: Owner(word & ~_FLAGS) for address, word in words.items() if word & ~_FLAGS}
