"""Folios (pages) that are locked or written back: mm/filemap.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, on_a_list

TYPE = "folio"
FUNCTIONS = re.compile(r"folio_wait_(bit|writeback)\w*|(__)?folio_lock\w*|wait_on_page_\w+|__lock_page\w*")
_KIND = "struct wait_page_queue"


def lock(stack: WaitingStack) -> int | None:
    """The ``struct folio`` (``struct page`` before 5.16) in the wait queue entry on the stack."""
    kernel = stack.kernel
    member = kernel.path(_KIND, "folio", "page")
    found = on_a_list(stack, _KIND, "wait.private", "wait.entry")
    return (
        None if found is None else kernel.read_pointer(found.address + kernel.offset(_KIND, member)) or None
    )
