r"""Shared memory, semaphores, message queues of System V and POSIX: owners, and who waits.

\b
Examples:
  crashdrive report ipc vmcore
  crashdrive report ipc --waiters vmcore
  crashdrive report ipc --format json vmcore | jq .tables.segments

undone_by: processes that changed semaphores with SEM_UNDO, and so hold them.
Objects are those of all IPC namespaces that have processes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.linux.ipc.messages import queues
from crashdrive.linux.ipc.mqueues import mqueues
from crashdrive.linux.ipc.semaphores import semaphores
from crashdrive.linux.ipc.shared_memory import segments
from crashdrive.linux.ipc.spaces import ipc_tasks, limits, spaces
from crashdrive.linux.ipc.waiters import Waiting
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.ipc.waiters import IpcWaiter

NAME = "ipc"
SUMMARY = "Shared memory, semaphores, message queues (System V, POSIX): owners, who waits."
BTF = True
OPTIONS = (
    Option(name="waiters", flags=("-w", "--waiters"), help="Those alone that wait, and for what."),
    Option(
        name="limits", flags=("-l", "--limits"), help="Limits of each IPC namespace and what is used, too."
    ),
)


def report(crash: Any, **asked: Any) -> Report:
    """The objects that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    tables = list(_tables(survey))
    hidden = {"segments", "semaphores", "queues", "mqueues"} if asked["waiters"] else set()
    whole = judged(report_of(NAME, survey, tables), "system")
    hidden |= set() if asked["limits"] else {"limits"}
    shown = tuple(table for table in whole.tables if table.name not in hidden)
    return msgspec.structs.replace(whole, tables=shown)


def _tables(survey: Survey) -> Iterator[Table]:
    waiters: list[IpcWaiter] = []
    for tasks in survey.attempt("tasks", lambda: [ipc_tasks(survey)]):
        found = survey.attempt("IPC namespaces", partial(spaces, survey, tasks))
        waiting = Waiting(survey, tasks)
        shared = survey.attempt("shared memory", partial(segments, survey, found, tasks))
        sets = survey.attempt("semaphores", partial(semaphores, survey, found, tasks, waiting, waiters))
        messages = survey.attempt("message queues", partial(queues, survey, found, waiting, waiters))
        posix = survey.attempt("POSIX queues", partial(mqueues, survey, found, waiting, waiters))
        yield Table(name="segments", rows=shared, columns=_SEGMENT, title="Shared memory")
        yield Table(name="semaphores", rows=sets, columns=_SET, title="Semaphores")
        yield Table(name="queues", rows=messages, columns=_QUEUE, title="Message queues")
        yield Table(name="mqueues", rows=posix, columns=_POSIX, title="POSIX message queues")
        yield Table(name="waiters", rows=waiters, columns=_WAITER, title="Who waits")
        yield Table(
            name="limits", title="Limits",
            rows=survey.attempt("limits of IPC", partial(limits, survey, found)),
        )  # fmt: skip


_SEGMENT = (
    "ipc_namespace", "shmid", "key", "uid", "mode_octal", "shm_bytes", "resident_bytes", "nattch",
    "attached", "status", "creator_pid",
)  # fmt: skip
_SET = ("ipc_namespace", "semid", "key", "uid", "mode_octal", "nsems", "sem_values", "undone_by", "waiters")
_QUEUE = (
    "ipc_namespace", "msqid", "key", "uid", "mode_octal", "used_bytes", "bytes_max", "messages", "receivers",
    "senders", "sender_pid",
)  # fmt: skip
_POSIX = (
    "ipc_namespace", "name", "uid", "mode_octal", "used_bytes", "messages", "messages_max", "receivers",
    "senders", "notify_pid",
)  # fmt: skip
_WAITER = ("ipc_namespace", "ipc_type", "ipc_id", "name", "pid", "comm", "waits_for_what", "state_seconds")
