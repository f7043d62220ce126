"""``waitq``: the tasks that wait in a queue."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def waitq(crash: Runner, queue: int | str, *, member_of: int | None = None) -> Answer[TaskHeader]:
    """The tasks that wait in ``queue``: its address or symbol; none is an answer too.

    With ``member_of`` (a structure's address) ``queue`` is ``structure.member``. Source: crash's ``waitq``.
    """
    if isinstance(queue, int):
        return call(crash, line("waitq", arguments.address(queue)))
    if member_of is None:
        return call(crash, line("waitq", arguments.symbol(queue)))
    return call(crash, line("waitq", arguments.members(queue), arguments.address(member_of)))
