"""``vtop``: physical addresses of virtual ones."""

from __future__ import annotations

from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.vtop import Translation
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def vtop(crash: Runner, *addresses: int, task: int | None = None, user: bool = False) -> Answer[Translation]:
    """How the page tables translate virtual addresses; None as physical address where they don't.

    ``task``: whose page tables, by pid or address; ``user``: the addresses are user addresses, where crash
    can't tell. Source: crash's ``vtop``.
    """
    whose = "" if task is None else f"-c {arguments.task(task)}"
    return call(crash, line("vtop", whose, flag("u", user), *map(arguments.address, addresses)))
