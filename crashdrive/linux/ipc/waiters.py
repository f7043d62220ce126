"""Tasks that wait for messages, semaphores, or room in a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.sched.running import Queues
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from crashdrive.linux.ipc.spaces import Tasks
    from crashdrive.linux.survey import Survey


class IpcWaiter(Record, frozen=True):
    """A task that waits. ``ipc_type``: ``msg``, ``sem`` or ``mqueue``; ``ipc_id``: as ipcs has it.

    ``name``: of a POSIX queue. ``waits_for_what``: in words; ``state_seconds``: since when.
    """

    ipc_namespace: int
    ipc_type: str
    ipc_id: int | None
    name: str | None
    pid: int | None
    comm: str | None
    waits_for_what: str
    state_seconds: float | None
    task: Address


class Waiting:
    """Makes an `IpcWaiter` of each waiting task."""

    def __init__(self, survey: Survey, tasks: Tasks) -> None:
        self._queues, self._tasks = Queues(survey), tasks

    def row(
        self, inum: int, ipc_type: str, found: tuple[int | None, str | None], task: int, what: str
    ) -> IpcWaiter:
        """The task at an address, which waits for an object; ``found`` has the object's id or name."""
        own = self._tasks.by_address.get(task, {})
        ipc_id, name = found
        return IpcWaiter(
            ipc_namespace=inum,
            ipc_type=ipc_type,
            ipc_id=ipc_id,
            name=name,
            pid=own.get("pid"),
            comm=own.get("comm"),
            waits_for_what=what,
            state_seconds=self._queues.since(own.get("cpu"), own.get("exec_start")),
            task=task,
        )
