"""``net``: network devices, ARP cache, sockets of tasks."""

from __future__ import annotations

from typing import Any

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def net(
    crash: Runner, *who: int, arp: bool = False, sockets: bool = False, namespace_of: int | None = None
) -> Answer[Any]:
    """The network devices (`NetDevice`): address, name, IP addresses.

    ``namespace_of``: of the network namespace of a task (pid or address of its task_struct). ``arp``: the
    ARP cache (`Neighbour`). ``sockets``: the open sockets (`TaskSockets`) of the tasks ``who``, of the
    current task where none is named. Source: crash's ``net``.
    """
    if arp + sockets + (namespace_of is not None) > 1 or (who and not sockets):
        raise ArgumentError("net: one of arp, sockets, namespace_of; tasks go with sockets only")
    of = () if namespace_of is None else ("-n", arguments.task(namespace_of))
    tasks = map(arguments.task, who)
    return call(crash, line("net", flag("a", arp), flag("s", sockets), *of, *tasks))
