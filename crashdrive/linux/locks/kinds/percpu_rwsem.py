"""Per-CPU semaphores of readers and writers, such as those that freeze a filesystem: percpu-rwsem.c."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.locks.base import Owner, WaitingStack, from_list, owner_words

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

TYPE = "percpu-rwsem"
FUNCTIONS = re.compile(r"percpu_rwsem_wait|(__)?percpu_down_(read|write)\w*")


def lock(stack: WaitingStack) -> int | None:
    """The ``struct percpu_rw_semaphore``, by its queue (since 5.7, 7f26482a872c)."""
    entry = ("struct wait_queue_entry", "private", "entry")
    return from_list(stack, entry, ("struct percpu_rw_semaphore", "waiters.head"))


def owners(survey: Survey, addresses: Sequence[int]) -> Mapping[int, Owner]:
    """The writer that waits for readers to leave; the kernel doesn't note one that holds the lock."""
    words = owner_words(survey, "struct percpu_rw_semaphore", ("writer.task",), addresses)
    return {address: Owner(word) for address, word in words.items()}
