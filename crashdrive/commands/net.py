"""``net``: network devices, ARP cache, sockets of tasks."""

from __future__ import annotations

from typing import Any, Literal, overload

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.net import IpAddress, Neighbour, NetDevice, TaskSockets, TaskSocketStructures
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def net(crash: Runner, *, namespace_of: int | None = ...) -> Answer[NetDevice]: ...
@overload
def net(crash: Runner, *, arp: Literal[True]) -> Answer[Neighbour]: ...
@overload
def net(crash: Runner, *who: int, sockets: Literal[True]) -> Answer[TaskSockets]: ...
@overload
def net(
    crash: Runner, *who: int, arp: bool = ..., sockets: bool = ..., namespace_of: int | None = ...
) -> Answer[NetDevice | Neighbour | TaskSockets]: ...
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


def net_socket_structures(crash: Runner, *who: int) -> Answer[TaskSocketStructures]:
    """The socket and sock structures of tasks' open sockets, of the current one's if none (``net -S``)."""
    return call(crash, line("net -S", *map(arguments.task, who)))


def net_address(crash: Runner, number: int) -> Answer[IpAddress]:
    """The IPv4 address in dots of a number, the way it lies in memory (``net -N``)."""
    return call(crash, f"net -N {arguments.number(number)}")
