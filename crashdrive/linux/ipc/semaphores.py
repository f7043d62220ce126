"""System V semaphores, as ``ipcs -s``, with their waiters and undo operations (ipc/sem.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from crashdrive.linux.ipc.spaces import SEMAPHORES, moment, objects, octal, perm_paths, pid_of
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.ipc.spaces import Space, Tasks
    from crashdrive.linux.ipc.waiters import IpcWaiter, Waiting
    from crashdrive.linux.survey import Survey

_SET, _SEM, _QUEUE, _UNDO = "struct sem_array", "struct sem", "struct sem_queue", "struct sem_undo"
_FIELDS = {
    **perm_paths("sem_perm"),
    "count": ("sem_nsems",),
    "change_time": ("sem_ctime",),
}
_OF_SEM = {"value": ("semval",), "pid": pid_of("sempid"), "otime": ("sem_otime",)}
_OF_QUEUE = {"task": ("sleeper",), "sops": ("sops",), "count": ("nsops",), "blocking": ("blocking",)}
_OF_UNDO = {"owner": ("ulp",)}
_SOP = struct.calcsize("=Hhh")
# SEMMSL and SEMOPM may be set higher; more than this is damage (include/uapi/linux/sem.h)
_MOST, _MOST_OPERATIONS = 32000, 1 << 12


class SysvSemaphores(Record, frozen=True):
    """A set of semaphores with their ``sem_values``; ``sem_pids``: the process that changed each last.

    ``undone_by``: processes some of whose operations are undone when they end: the holders, where a semaphore
    is a lock. ``waiters``: how many wait. Times are seconds since 1970, None for never.
    """

    ipc_namespace: int
    semid: int | None
    key: int | None
    uid: int | None
    gid: int | None
    creator_uid: int | None
    creator_gid: int | None
    mode_octal: str | None
    nsems: int | None
    sem_values: tuple[int | None, ...]
    sem_pids: tuple[int | None, ...]
    undone_by: tuple[int, ...]
    waiters: int
    operation_time: int | None
    change_time: int | None
    sem_array: Address


def semaphores(
    survey: Survey, found: Sequence[Space], tasks: Tasks, waiting: Waiting, into: list[IpcWaiter]
) -> Iterator[SysvSemaphores]:
    """The sets of these namespaces; their waiters are appended to ``into``."""
    kernel = survey.kernel
    owners: dict[int, list[int]] = {}
    for task in tasks.rows:
        if task["undo_list"] and task["tgid"]:
            owners.setdefault(task["undo_list"], []).append(task["tgid"])
    for space in found:
        places = objects(survey, space, SEMAPHORES, _SET, "sem_perm")
        rows = survey.rows(Fields(kernel, _SET, _FIELDS, ("count",)), places, "semaphores")
        for place, row in zip(places, rows, strict=True):
            values = _values(survey, place, row["count"])
            mine = list(_waiting(survey, place, len(values)))
            for one in mine:
                what = _what(survey, one)
                into.append(waiting.row(space.inum, "sem", (row["number"], None), one["task"] or 0, what))
            yield SysvSemaphores(
                ipc_namespace=space.inum,
                semid=row["number"],
                nsems=row["count"],
                sem_values=tuple(value["value"] for value in values),
                sem_pids=tuple(moment(value["pid"]) for value in values),
                undone_by=_undone(survey, place, owners),
                waiters=len(mine),
                operation_time=moment(max((value["otime"] or 0 for value in values), default=0)),
                change_time=moment(row["change_time"]),
                mode_octal=octal(row["perms"]),
                **{name: row[name] for name in ("key", "uid", "gid", "creator_uid", "creator_gid")},
                sem_array=place,
            )


def _values(survey: Survey, place: int, count: int | None) -> list[dict[str, Any]]:
    kernel = survey.kernel
    if count is None or not 0 <= count <= _MOST:
        survey.miss(
            [
                Notice(
                    kind="node", message=f"a set of {count} semaphores at {place:#x} is impossible; not read"
                )
            ]
        )
        return []
    first, size = place + kernel.offset(_SET, "sems"), kernel.sizeof(_SEM)
    fields = Fields(kernel, _SEM, _OF_SEM, ("value",))
    return survey.rows(fields, [first + at * size for at in range(count)], "semaphores")


def _waiting(survey: Survey, place: int, count: int) -> Iterator[Mapping[str, Any]]:
    """The waiters on the lists of the set, and of each semaphore."""
    kernel = survey.kernel
    size, first = kernel.sizeof(_SEM), place + kernel.offset(_SET, "sems")
    lists = ("pending_alter", "pending_const")
    heads = [place + kernel.offset(_SET, name) for name in lists]
    heads += [first + at * size + kernel.offset(_SEM, name) for at in range(count) for name in lists]
    walked = kernel.walk_lists(heads, _QUEUE, "list")
    survey.walked(walked, "who waits for semaphores")
    fields = Fields(kernel, _QUEUE, _OF_QUEUE, ("task", "sops", "count"))
    yield from survey.rows(fields, list(dict.fromkeys(walked.addresses)), "who waits for semaphores")


def _what(survey: Survey, one: Mapping[str, Any]) -> str:
    """The operation that blocks; all operations where the kernel doesn't tell which one blocks."""
    kernel, count = survey.kernel, one["count"]
    place = one["blocking"] or one["sops"]
    if not place or count is None or not 0 < count <= _MOST_OPERATIONS:
        return "unknown operations"
    raw = survey.attempt("operations on semaphores", lambda: [kernel.read(place, _SOP)])
    if not raw:
        return "unknown operations"
    number, operation, _ = struct.unpack(f"{kernel.order}Hhh", raw[0])
    return f"semaphore {number} to be 0" if operation == 0 else f"semaphore {number}: {operation:+d}"


def _undone(survey: Survey, place: int, owners: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    kernel = survey.kernel
    walked = kernel.walk_list(place + kernel.offset(_SET, "list_id"), _UNDO, "list_id")
    survey.walked(walked, "operations on semaphores to be undone")
    rows = survey.rows(Fields(kernel, _UNDO, _OF_UNDO, ("owner",)), walked.addresses, "undone operations")
    return tuple(sorted({pid for row in rows for pid in owners.get(row["owner"] or 0, ())}))
