"""Journals (jbd2): their wait queues, and who has to act so that the waiters go on (fs/jbd2/)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.locks.objects import Belonging, read_guesses
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

TYPE = "journal"
OF = "waitqueue"
FUNCTIONS = re.compile(r"jbd2_\w+|kjournald2|wait_transaction_\w+|add_transaction_credits|start_this_handle")
_JOURNAL, _HANDLE = "struct journal_s", "struct jbd2_journal_handle"
_COMMIT, _LOCKED, _UPDATES = "commit", "locked transaction", "updates"
_QUEUES = {
    "j_wait_done_commit": _COMMIT,
    "j_wait_transaction_locked": _LOCKED,
    "j_wait_updates": _UPDATES,
    "j_wait_reserved": "reserved credits",
    "j_fc_wait": "fast commit",
}
_FIELDS = {
    "thread": ("j_task",),
    "comm": ("j_task->comm",),
    "device": ("j_devname",),
    "barriers": ("j_barrier_count",),
    "running": ("j_running_transaction",),
    "committing": ("j_committing_transaction",),
}
_USER = 1 << 63  # journal_info holds small numbers of other filesystems, too


class _Queue(NamedTuple):
    """A wait queue, and what a journal would be whose queue of that name it is."""

    address: int
    purpose: str
    journal: int


def belonging(survey: Survey, addresses: Sequence[int]) -> Iterator[Belonging]:
    """The queues of journals: ``commit of sda1-8``.

    A commit, and a transaction that is locked for it, are the journal thread's work, unless a barrier
    (``jbd2_journal_lock_updates()``) locks it. That thread in turn waits for who has a handle of the
    transaction.
    """
    kernel = survey.kernel
    offsets = {
        kernel.offset(_JOURNAL, member): purpose
        for member, purpose in _QUEUES.items()
        if kernel.has_member(_JOURNAL, member)
    }
    queues = [
        _Queue(queue, purpose, queue - offset) for queue in addresses for offset, purpose in offsets.items()
    ]
    fields = Fields(kernel, _JOURNAL, _FIELDS, ("thread", "comm", "device"))
    # one of the guesses for each queue is right, or none
    rows, lacking = read_guesses(survey, fields, [one.journal for one in queues])
    known: set[int] = set()
    for one, row in zip(queues, rows, strict=True):
        if (row["comm"] or "").startswith("jbd2/") and row["device"]:
            known.add(one.address)
            name = f"{one.purpose} of {row['device']}"
            yield Belonging(one.address, name, _owner(survey, one, row))
    unknown = [one.journal for one in queues if one.address not in known and one.journal in lacking]
    if unknown:
        survey.miss(lacking[journal] for journal in unknown)


def _owner(survey: Survey, queue: _Queue, row: dict[str, Any]) -> int | None:
    thread: int | None = row["thread"]
    if queue.purpose == _COMMIT:
        return thread
    if queue.purpose == _LOCKED:
        return None if row["barriers"] else thread
    if queue.purpose == _UPDATES:
        return _updating(survey, [one for one in (row["running"], row["committing"]) if one])
    return None


def _updating(survey: Survey, transactions: Sequence[int]) -> int | None:
    """A task that has a handle of one of these transactions, so that it can't be committed."""
    kernel = survey.kernel
    tasks = for_each_task(kernel, idle=False)
    survey.walked(tasks, "tasks")
    handles = survey.gaps(tasks.read(["journal_info"]), "handles of journals")["journal_info"]
    held = {
        handle: task
        for task, handle in zip(tasks.addresses, handles, strict=True)
        if handle and handle & _USER
    }
    columns = survey.gaps(kernel.read_many(_HANDLE, list(held), ["h_transaction"]), "handles of journals")
    found = zip(held.values(), columns["h_transaction"], strict=True)
    return next((task for task, transaction in found if transaction in transactions), None)
