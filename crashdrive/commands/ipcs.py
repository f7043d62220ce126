"""``ipcs``: System V shared memory, semaphores, message queues."""

from __future__ import annotations

from typing import Any, Literal, overload

from crashdrive.commands.base import call, line
from crashdrive.parsers.ipcs import MessageQueue, SemaphoreArray, SharedMemory
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

_LETTERS = {"all": "", "memory": "-m", "memory-details": "-M", "semaphores": "-s", "queues": "-q"}


@overload
def ipcs(
    crash: Runner, what: Literal["all"] = ..., *, namespace_of: int | None = ...
) -> Answer[SharedMemory | SemaphoreArray | MessageQueue]: ...
@overload
def ipcs(
    crash: Runner, what: Literal["memory", "memory-details"], *, namespace_of: int | None = ...
) -> Answer[SharedMemory]: ...
@overload
def ipcs(
    crash: Runner, what: Literal["semaphores"], *, namespace_of: int | None = ...
) -> Answer[SemaphoreArray]: ...
@overload
def ipcs(
    crash: Runner, what: Literal["queues"], *, namespace_of: int | None = ...
) -> Answer[MessageQueue]: ...
def ipcs(
    crash: Runner,
    what: Literal["all", "memory", "memory-details", "semaphores", "queues"] = "all",
    *,
    namespace_of: int | None = None,
) -> Answer[Any]:
    """The System V facilities of the first namespace, or of the one of a task (pid or task_struct).

    ``memory-details`` adds pages and inode to each shared memory segment. Source: crash's ``ipcs``.
    """
    of = () if namespace_of is None else ("-n", arguments.task(namespace_of))
    return call(crash, line("ipcs", _LETTERS[what], *of))
