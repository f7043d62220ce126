"""Tasks that the freezer or a frozen cgroup stopped (kernel/freezer.c, kernel/cgroup/freezer.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.sched.running import Queues
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.survey import Survey

_TASK = "struct task_struct"
_FIELDS = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "cpu": ("thread_info.cpu", "cpu"),
    "left": ("se.exec_start",),
    "state": ("__state", "state"),
    "flags": ("flags",),
    # of version 2 of cgroups, since 5.2 (76f969e8948d)
    "cgroup": ("frozen",),
}
_NEEDED = ("pid", "state", "flags")
# f5d39b020809 (6.1) made a state of PF_FROZEN, and its static key a symbol
_ACTIVE = "freezer_active"
_STATE, _FLAG = 0x8000, 0x10000


class FrozenTask(Record, frozen=True):
    """A task that is frozen.

    ``frozen_by``: ``cgroup``, its cgroup of version 2 is frozen; ``freezer``: the machine was going to
    suspend, or its cgroup of version 1 is frozen. ``off_cpu``: seconds since it last ran.
    """

    pid: int | None
    tgid: int | None
    comm: str | None
    frozen_by: str
    off_cpu: float | None
    task: Address


def frozen_tasks(survey: Survey) -> Iterator[FrozenTask]:
    """All frozen tasks, by pid."""
    kernel = survey.kernel
    tasks = for_each_task(kernel, threads=True)
    survey.walked(tasks, "tasks")
    rows = survey.addressed(Fields(kernel, _TASK, _FIELDS, _NEEDED), tasks.addresses, "tasks")
    by_state = kernel.symbols.has(_ACTIVE)
    found = [(task, row, word) for task, row in rows if (word := _frozen_by(row, by_state=by_state))]
    queues = Queues(survey) if found else None
    for task, row, word in sorted(found, key=lambda one: one[1]["pid"] or 0):
        yield FrozenTask(
            pid=row["pid"],
            tgid=row["tgid"],
            comm=row["comm"],
            frozen_by=word,
            off_cpu=queues.since(row["cpu"], row["left"]) if queues else None,
            task=task,
        )


def _frozen_by(row: Mapping[str, Any], *, by_state: bool) -> str | None:
    if row["cgroup"]:
        return "cgroup"
    number, bit = (row["state"], _STATE) if by_state else (row["flags"], _FLAG)
    return "freezer" if number is not None and number & bit else None
