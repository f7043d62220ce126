"""``task``: a task's task_struct and thread_info."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.task import TaskMembers, TaskStruct
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def task(crash: Runner, *who: int, timeout: float | None = None) -> Answer[TaskStruct]:
    """The whole task_struct (and thread_info) of tasks, by pid or address; of the current context if none.

    To read a few members of many tasks, `task_members` costs as much as this; raw memory
    (``crash.kernel``) is faster by far. Source: crash's ``task``.
    """
    return call(crash, line("task", *map(arguments.task, who)), timeout=timeout)


def task_members(crash: Runner, members: str, *who: int) -> Answer[TaskMembers]:
    """Members by path, several with commas between them: ``task_members("comm,se.on_rq", 1)``."""
    wanted = ",".join(arguments.members(member) for member in members.split(","))
    return call(crash, line("task", f"-R {wanted}", *map(arguments.task, who)))
