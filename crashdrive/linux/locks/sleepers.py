"""Tasks in interruptible sleep that wait for another task: for the peer of a unix socket, for a futex.

::

    for wait in sleepers(crash.kernel):
        print(wait.pid, wait.comm, wait.type, wait.lock, wait.owner_pid, wait.note)

Most of them wait for their next work, as servers and pools of threads do. One that holds what a blocked task
wants hangs the blocked task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.locks.objects import kinds_of_objects
from crashdrive.linux.locks.waits import Wait, encloses, lock_kinds, resolved
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.sched.stacks import TaskStack, read_stacks
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Reading, Survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.machine import Machine

_SLEEPS = "S"
_OBJECTS = ("unix",)


def sleepers(kernel: Machine) -> Reading[Wait]:
    """The tasks that sleep so, the longest first. Errors as of `crashdrive.linux.sched.stacks.stacks`."""
    survey = Survey(kernel)
    return survey.reading(read_sleepers(survey))


def read_sleepers(survey: Survey) -> list[Wait]:
    """All tasks that sleep so, gaps noted in a survey."""
    tasks = for_each_task(survey.kernel)
    survey.walked(tasks, "tasks")
    return _resolved(survey, tasks.addresses)


def sleeping_owners(survey: Survey, waits: Sequence[Wait]) -> list[Wait]:
    """Those that other tasks wait for: owners in ``waits``, and owners of what these wait for in turn."""
    found: list[Wait] = []
    seen = {int(wait.task) for wait in waits}
    owners = _new(waits, seen)
    while owners:
        seen.update(owners)
        more = _resolved(survey, owners)
        found += more
        owners = _new(more, seen)
    return found


def _new(waits: Sequence[Wait], seen: set[int]) -> list[int]:
    return sorted({int(one.owner_task) for one in waits if one.owner_task is not None} - seen)


def _resolved(survey: Survey, tasks: Sequence[int]) -> list[Wait]:
    found = read_stacks(survey, wanted=lambda task: task.state_letter == _SLEEPS, tasks=tasks)
    return resolved(survey, [stack for stack in found if waits_for_a_task(stack)], (), "sleeping")


def waits_for_a_task(stack: TaskStack) -> bool:
    """Whether its functions are those of a wait for a unix socket or a futex."""
    patterns = [kind.FUNCTIONS for kind in lock_kinds() if encloses(kind)]
    patterns += [kind.FUNCTIONS for kind in kinds_of_objects() if kind.TYPE in _OBJECTS]
    names = [plain(frame.function) for frame in stack.frames if frame.function]
    return any(pattern.fullmatch(name) for pattern in patterns for name in names)
