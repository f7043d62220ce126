"""Mutexes with priority inheritance, all mutexes of a real-time kernel: kernel/locking/rtmutex.c."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.locks.base import Owner, WaitingStack, owner_words

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

TYPE = "rtmutex"
FUNCTIONS = re.compile(r"_*rt_mutex_\w*lock\w*|task_blocks_on_rt_mutex|rtlock_slowlock\w*")
_HAS_WAITERS = 1
# a structure of its own since 5.15 (830e6acc8a1c)
_KINDS = ("struct rt_mutex_base", "struct rt_mutex")


def lock(stack: WaitingStack) -> int | None:
    """The rt_mutex that ``task_struct.pi_blocked_on`` leads to."""
    path = "pi_blocked_on->lock"
    found: int | None = stack.kernel.read_many("struct task_struct", [stack.task], [path]).check()[path][0]
    return found or None


def owners(survey: Survey, addresses: Sequence[int]) -> Mapping[int, Owner]:
    """The holders, by ``owner``, whose lowest bit says that there are waiters."""
    kind = next((kind for kind in _KINDS if survey.kernel.has_type(kind)), _KINDS[-1])
    words = owner_words(survey, kind, ("owner",), addresses)
    return {address: Owner(word & ~_HAS_WAITERS) for address, word in words.items() if word & ~_HAS_WAITERS}
