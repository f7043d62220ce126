"""``net``: network devices, the ARP cache, the open sockets of tasks.

Source in crash: net.c (``show_net_devices()``, ``dump_arp()``, ``dump_sockets()``).

As crash prints it::

    crash> net
       NET_DEVICE     NAME   IP ADDRESS(ES)
    ffff8c3b10337000  lo     127.0.0.1, 127.0.5.1
    ffff8c3b101f1000  eth0   10.0.2.17, 10.0.2.15, 10.0.2.16
"""

from __future__ import annotations

import ipaddress
import re

from crashdrive.parsers import grammar as g
from crashdrive.parsers._net_arp import IPV4, Neighbour, arp, check_arp
from crashdrive.parsers._net_structures import (
    SocketStructures,
    TaskSocketStructures,
    check_sockets,
    structures,
)
from crashdrive.parsers.base import Shape
from crashdrive.parsers.grammar.asked import Told
from crashdrive.parsers.grammar.columns import GAP, HEX, WORD, Cell, Column
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "IpAddress",
    "Neighbour",
    "NetDevice",
    "Socket",
    "SocketStructures",
    "TaskSocketStructures",
    "TaskSockets",
]


class NetDevice(Record, frozen=True):
    """A network device: address of its structure, name, IP addresses.

    crash before 8.0.3 prints IPv4 addresses alone: a device may have IPv6 addresses, too.
    """

    net_device: Address
    name: str
    addresses: tuple[str, ...] = ()


class Socket(Record, frozen=True):
    """An open socket of a task; addresses and ports only for INET and INET6."""

    fd: int
    socket: Address
    sock: Address
    family: str
    type: str
    source_address: str | None = None
    source_port: int | None = None
    destination_address: str | None = None
    destination_port: int | None = None


class TaskSockets(Record, frozen=True):
    """A task and its open sockets."""

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    sockets: tuple[Socket, ...]


class IpAddress(Record, frozen=True):
    """An IPv4 address out of a number (``net -N``)."""

    address: str


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


# Each address is bounded, and the loop is possessive: no backtracking.
_IP = rf"(?:{IPV4}(?![\d.])|(?=[0-9a-f]{{0,4}}:)[0-9a-f.:]{{2,45}})"
_IP_LIST = Cell(rf"{_IP}(?:, {_IP})*+", _addresses)


def _devices() -> g.ParserElement:
    """A row for each device; since crash 8.0.3 with all addresses, IPv6 ones too::

       NET_DEVICE     NAME       IP ADDRESS(ES)
    ffff8a6cc1b78000  lo         127.0.0.1, ::1
    """
    return g.table(
        NetDevice,
        Column("NET_DEVICE", "net_device", HEX),
        Column("DEVICE", "net_device", HEX),  # kernels before 2.3
        Column("NAME", "name", WORD),
        Column("IP ADDRESS(ES)", "addresses", _IP_LIST, blank=True),
        Column("IP ADDRESS", "addresses", _IP_LIST, blank=True),
        what="network devices",
        between=g.noise(blank=False),
        until=g.Blank(),
        least=0,
    )


def _number() -> g.ParserElement:
    return g.Row(IPV4, lambda found: IpAddress(address=found[0].strip()), "an IPv4 address")


def _sockets() -> g.ParserElement:
    """Tasks and their sockets, by descriptor; those of INET and INET6 have addresses and ports::

    PID: 2517   TASK: c1598000  CPU: 1   COMMAND: "rlogin"
    FD   SOCKET     SOCK    FAMILY:TYPE         SOURCE-PORT     DESTINATION-PORT
     3  c57375dc  c1ff1850  INET:STREAM      10.1.8.20-1023      10.1.16.62-513
     5  c57375de  c1ff1852  UNIX:STREAM
    """
    header = g.Row(
        r"FD +SOCKET +SOCK +FAMILY:TYPE +SOURCE-PORT +DESTINATION-PORT",
        lambda _: True,
        "the header of a table of sockets: FD SOCKET SOCK FAMILY:TYPE SOURCE-PORT DESTINATION-PORT",
    )
    end = r"([0-9a-f.:]{1,45}+)-(\d{1,10})"
    kind = r"([A-Za-z0-9/]{1,40}):([A-Z]{1,20}|\d{1,10})"
    row = g.Row(
        rf" *+(\d{{1,9}}){GAP}([0-9a-f]{{1,16}}){GAP}([0-9a-f]{{1,16}}){GAP}{kind}"
        rf"(?:{GAP}(?:{end}{GAP}{end}|(\(cannot get IPv6 addresses\))))?",
        _socket,
        "a row of sockets: FD SOCKET SOCK FAMILY:TYPE SOURCE-PORT DESTINATION-PORT",
    )
    rows = g.Rows(
        row, between=g.noise(blank=False), until=g.Blank() | g.task_header(), ascending="fd", least=0
    )
    none = g.Row(r"No open sockets\.", lambda _: (), "that there are no open sockets")
    return g.Blocks(g.task_header(), g.block(header, rows, lambda _, rows: rows), none, make=_task_sockets)


def _task_sockets(
    text: g.Text, place: int, task: TaskHeader, below: list[tuple[Socket, ...]]
) -> tuple[int, Told[TaskSockets]]:
    if len(below) > 1:
        g.task_header().miss(text, text.next_line(place), "the sockets of a task stand twice")
    sockets = below[0] if below else ()
    found = TaskSockets(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, sockets=sockets)
    return place, Told(found, told=bool(below))


def _socket(found: re.Match[str]) -> Socket | None:
    """The socket of a row; None where an address is none."""
    try:
        source, destination = (str(ipaddress.ip_address(end)) if end else None for end in found.group(6, 8))
    except ValueError:
        return None
    return Socket(
        fd=int(found[1]),
        socket=int(found[2], 16),
        sock=int(found[3], 16),
        family=found[4],
        type=found[5],
        source_address=source,
        source_port=int(found[7]) if found[7] else None,
        destination_address=destination,
        destination_port=int(found[9]) if found[9] else None,
    )


SHAPES = (
    Shape(
        name="socket-structures",
        record=TaskSocketStructures,
        grammar=structures,
        finish=check_sockets,
        options="-S",
        when=lambda source: source.command.has("S"),
    ),
    Shape(
        name="sockets",
        record=TaskSockets,
        grammar=_sockets,
        finish=check_sockets,
        options="-s",
        when=lambda source: source.command.has("s"),
    ),
    Shape(
        name="address",
        record=IpAddress,
        grammar=_number,
        options="-N",
        when=lambda source: source.command.has("N"),
    ),
    Shape(
        name="arp",
        record=Neighbour,
        grammar=arp,
        finish=check_arp,
        options="-a",
        when=lambda source: source.command.has("a"),
    ),
    Shape(name="devices", record=NetDevice, grammar=_devices, options="(none) -n"),
)

EXAMPLES = (
    "net",
    "net -a",
    "net -n {pid}",
    "net -s {pid}",
    "net -s {sock_pid}",
    "net -S {sock_pid}",
    "net -N 1041236234",
    "net -s 999999",
    "net -n 999999",
    "net -Z",
    "net -x -S {sock_pid}",
    *(
        "net -d -S {sock_pid}",
        "net -s {sock_pid} -R 3",
    ),
)
