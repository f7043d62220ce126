"""Workqueues: items that run, wait for a worker, or are held back by the workqueue's limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.survey import Fields, enumerators
from crashdrive.linux.workqueues.pools import PendingWork
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_QUEUE, _PWQ, _WORK = "struct workqueue_struct", "struct pool_workqueue", "struct work_struct"
_FIELDS = {
    "name": ("name",),
    "flags": ("flags",),
    "most": ("max_active", "saved_max_active"),
    "rescuer": ("rescuer->task->pid",),
}
_OF_PWQ = {"active": ("nr_active",)}
# delayed_works until 5.15 (f97a4a1a3f87)
_HELD = ("inactive_works", "delayed_works")


class Workqueue(Record, frozen=True):
    """A workqueue.

    ``active_work``: items that run or wait for a worker; ``waiting_work`` of them wait. ``held_work``: items
    beyond ``max_active`` of a pool, which wait for others of their workqueue. ``queue_flags``: the kernel's
    names, such as ``unbound``, ``mem_reclaim``, ``ordered``, ``draining``. ``rescuer_pid``: the thread that
    runs its items where no worker can be created.
    """

    workqueue: str | None
    active_work: int | None
    waiting_work: int
    held_work: int
    max_active: int | None
    queue_flags: tuple[str, ...]
    rescuer_pid: int | None
    address: Address


def workqueues(survey: Survey, pending: Iterable[PendingWork]) -> Iterator[Workqueue]:
    """All workqueues by name; ``pending``: the work that waits for workers."""
    kernel = survey.kernel
    found = kernel.walk_list(kernel.symbols.address("workqueues"), _QUEUE, "list")
    survey.walked(found, "workqueues")
    fields = Fields(kernel, _QUEUE, _FIELDS, ("name", "flags"))
    rows = survey.addressed(fields, found.addresses, "workqueues")
    active, held = _counts(survey, found.addresses)
    waiting: dict[str | None, int] = {}
    for work in pending:
        waiting[work.workqueue] = waiting.get(work.workqueue, 0) + 1
    flags = _flags(survey)
    made = [
        _queue(place, row, active[place], held[place], waiting.get(row["name"], 0), flags)
        for place, row in rows
    ]
    yield from sorted(made, key=lambda one: one.workqueue or "")


def _queue(
    place: int, row: Mapping[str, Any], active: int | None, held: int, waiting: int, flags: Mapping[int, str]
) -> Workqueue:
    return Workqueue(
        workqueue=row["name"],
        active_work=active,
        waiting_work=waiting,
        held_work=held,
        max_active=row["most"],
        queue_flags=tuple(name for bit, name in flags.items() if (row["flags"] or 0) & bit),
        rescuer_pid=row["rescuer"],
        address=place,
    )


def _flags(survey: Survey) -> dict[int, str]:
    """Names of the bits: ``WQ_UNBOUND`` is ``unbound``; limits stand in the same enumeration."""
    return {
        value: name.lstrip("_").removeprefix("WQ_").lower()
        for name, value in enumerators(survey, "WQ_UNBOUND").items()
        if name.startswith(("WQ_", "__WQ_")) and "_MAX_" not in name and "_DFL_" not in name
    }


def _counts(survey: Survey, queues: Sequence[int]) -> tuple[dict[int, int | None], dict[int, int]]:
    """Items that are active, and that are held back, by workqueue."""
    kernel = survey.kernel
    pwqs = kernel.offset(_QUEUE, "pwqs")
    found = kernel.walk_lists([queue + pwqs for queue in queues], _PWQ, "pwqs_node")
    survey.walked(found, "pools of workqueues")
    column = survey.read(Fields(kernel, _PWQ, _OF_PWQ, ("active",)), found.addresses, "pools of workqueues")
    active: dict[int, int | None] = dict.fromkeys(queues, 0)
    for number, count in zip(found.walk.lists, column["active"], strict=True):
        before = active[queues[number]]
        active[queues[number]] = None if before is None or count is None else before + count
    offset = kernel.offset(_PWQ, kernel.path(_PWQ, *_HELD))
    works = kernel.walk_lists([pwq + offset for pwq in found.addresses], _WORK, "entry")
    survey.walked(works, "work that is held back")
    held = dict.fromkeys(queues, 0)
    for number in works.walk.lists:
        held[queues[found.walk.lists[number]]] += 1
    return active, held
