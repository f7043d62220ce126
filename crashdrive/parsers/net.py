"""``net``: network devices, the ARP cache, the open sockets of tasks.

Source in crash: net.c (``show_net_devices()``, ``dump_arp()``, ``dump_sockets()``).
"""

from __future__ import annotations

import ipaddress
import re
from functools import partial

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.asked import asked_blocks
from crashdrive.parsers.grammar.columns import GAP, HEX, WORD, Cell, Column, Table, note_error
from crashdrive.parsers.grammar.cursor import Cursor, only_table, say_empty
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.parsers.grammar.structures import Structure, read_structures
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Record


class NetDevice(Record, frozen=True):
    """A network device: address of its structure, name, IP addresses.

    crash before 8.0.3 knows IPv4 addresses only, so that an absent IPv6 address means nothing there.
    """

    net_device: Address
    name: str
    addresses: tuple[str, ...] = ()


class Neighbour(Record, frozen=True):
    """An entry of the ARP cache.

    ``hw_address`` is None where the device has no hardware addresses; ``states`` are crash's words
    (``REACHABLE``, ``STALE``, ...), none for an entry that was never used.
    """

    neighbour: Address
    address: str
    hw_type: str
    hw_address: str | None
    device: str
    states: tuple[str, ...]


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


class SocketStructures(Record, frozen=True):
    """An open socket of a task, with the contents of its structures."""

    fd: int
    socket: Address
    sock: Address
    structures: tuple[Structure, ...]


class TaskSocketStructures(Record, frozen=True):
    """A task and its open sockets, with the contents of their structures."""

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    sockets: tuple[SocketStructures, ...]


class IpAddress(Record, frozen=True):
    """An IPv4 address out of a number (``net -N``)."""

    address: str


OPTSTRING = "asSR:xdN:n"
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
)


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


# Each address is bounded, and the loop is possessive: no second try.
_IP_LIST = Cell(r"[0-9a-f.:]{2,45}(?:, [0-9a-f.:]{2,45})*+", _addresses)
_DEVICES = Table(
    NetDevice,
    Column("NET_DEVICE", "net_device", HEX),
    Column("DEVICE", "net_device", HEX),  # kernels before 2.3
    Column("NAME", "name", WORD),
    Column("IP ADDRESS(ES)", "addresses", _IP_LIST, blank=True),
    Column("IP ADDRESS", "addresses", _IP_LIST, blank=True),
)


_ONE_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\n?")


def _parse_devices(source: Source) -> list[NetDevice]:
    return only_table(source, _DEVICES)


def _parse_number(source: Source) -> list[IpAddress]:
    if not _ONE_ADDRESS.fullmatch(source.text):
        source.fail(0, "no IPv4 address")
    return [IpAddress(address=source.text.strip())]


_ARP_TITLES = re.compile(r"NEIGHBOUR +IP ADDRESS +HW TYPE +(HW ADDRESS) +DEVICE +STATE *")
_ARP_LEFT = re.compile(r"([0-9a-f]{8,16}) +(\d{1,3}(?:\.\d{1,3}){3}) +([A-Z0-9]+) +")
_ARP_RIGHT = re.compile(r"((?:[0-9a-f]{2}[: ]){0,64}) +(\S+)(?: +([A-Z|]+))? *")


def _parse_arp(source: Source) -> list[Neighbour]:
    cursor = Cursor(source)
    rows: list[Neighbour] = []
    if not cursor.skip_blank():
        say_empty(source, "an empty cache has no header either")
        return rows
    offset, line = cursor.take()
    titles = _ARP_TITLES.fullmatch(line)
    if titles is None:
        source.fail(offset, "no header of the ARP cache")
    while cursor.at_text():
        row = _neighbour(cursor.line or "", titles.start(1))
        if row is None:
            cursor.skip_or_reject("no entry of the ARP cache")
            continue
        rows.append(row)
        cursor.advance()
    cursor.finish()
    return rows


def _neighbour(line: str, middle: int) -> Neighbour | None:
    """A row; its hardware address, if any, begins at the column of its title.

    Only the column tells an absent address from a device whose name looks like one.
    """
    left = _ARP_LEFT.fullmatch(line[:middle])
    right = _ARP_RIGHT.fullmatch(line[middle : middle + 1024]) if len(line) < middle + 1024 else None
    if left is None or right is None:
        return None
    return Neighbour(
        neighbour=int(left[1], 16),
        address=left[2],
        hw_type=left[3],
        hw_address=right[1].strip() or None,
        device=right[2],
        states=tuple(right[3].split("|")) if right[3] else (),
    )


_SOCKETS = re.compile(r"FD +SOCKET +SOCK +FAMILY:TYPE +SOURCE-PORT +DESTINATION-PORT *")
_SOCKET = re.compile(
    rf" *+(\d+){GAP}([0-9a-f]+){GAP}([0-9a-f]+){GAP}([A-Za-z0-9/]+):([A-Z]+|\d+)"
    rf"(?:{GAP}(?:([0-9a-f.:]+)-(\d+){GAP}([0-9a-f.:]+)-(\d+)|(\(cannot get IPv6 addresses\))))? *+"
)


def _parse_sockets(source: Source) -> list[TaskSockets]:
    read = [
        (cursor := Cursor(source, start, stop)).attempt(partial(_task_sockets, task, cursor))
        for task, start, stop in asked_blocks(source)
    ]
    tasks = [task for task in read if task is not None]
    # With -R, tasks without such a socket aren't shown at all.
    return tasks if source.command.has("R") else demand_records(source, tasks, "no task's header line")


def _task_sockets(task: TaskHeader, cursor: Cursor) -> TaskSockets:
    sockets = tuple(_sockets(cursor))
    cursor.finish()
    return TaskSockets(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, sockets=sockets)


def _parse_structures(source: Source) -> list[TaskSocketStructures]:
    read = [
        Cursor(source, start, stop).attempt(partial(_task_structures, source, task, start, stop))
        for task, start, stop in asked_blocks(source)
    ]
    tasks = [task for task in read if task is not None]
    return tasks if source.command.has("R") else demand_records(source, tasks, "no task's header line")


_FD_TITLES = re.compile(r"FD +SOCKET +SOCK *")
_FD = re.compile(rf" *+(\d{{1,9}}){GAP}([0-9a-f]{{1,16}}){GAP}([0-9a-f]{{1,16}}) *")


def _task_structures(source: Source, task: TaskHeader, start: int, stop: int) -> TaskSocketStructures:
    sockets: list[SocketStructures] = []
    cursor = Cursor(source, start, stop)
    if cursor.line == "No open sockets.":
        cursor.advance()
    elif not cursor.skip_blank():
        source.note("partial", "crash said nothing of a task's sockets", incomplete=True)
    while cursor.skip_blank():
        if not cursor.match(_FD_TITLES):
            _beside_structures(cursor)
            continue
        row = cursor.match(_FD) or source.fail(cursor.offset, "no row FD SOCKET SOCK")
        structures, end = read_structures(source, cursor.offset, stop)
        sockets.append(
            SocketStructures(
                fd=int(row[1]), socket=int(row[2], 16), sock=int(row[3], 16), structures=tuple(structures)
            )
        )
        cursor = Cursor(source, end, stop)
    return TaskSocketStructures(
        pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, sockets=tuple(sockets)
    )


def _beside_structures(cursor: Cursor) -> None:
    if cursor.line == "unable to display inet_sock structure":
        note_error(cursor.source, *cursor.take())
    else:
        cursor.skip_or_reject("no header FD SOCKET SOCK")


def _sockets(cursor: Cursor) -> list[Socket]:
    if not cursor.skip_blank():
        cursor.source.note("partial", "crash said nothing of a task's sockets", incomplete=True)
        return []
    offset, line = cursor.take()
    if line == "No open sockets.":
        return []
    if not _SOCKETS.fullmatch(line):
        cursor.source.fail(offset, "no header of a table of sockets")
    sockets: list[Socket] = []
    while cursor.at_text():
        socket = _socket(cursor.line or "")
        if socket is None:
            cursor.skip_or_reject("no row of a table of sockets")
            continue
        if sockets and socket.fd <= sockets[-1].fd:
            cursor.source.fail(
                cursor.take()[0], f"file descriptor {sockets[-1].fd} is followed by {socket.fd}"
            )
        sockets.append(socket)
        cursor.advance()
    return sockets


def _socket(line: str) -> Socket | None:
    found = _SOCKET.fullmatch(line) if len(line) < 512 else None
    if found is None:
        return None
    return Socket(
        fd=int(found[1]),
        socket=int(found[2], 16),
        sock=int(found[3], 16),
        family=found[4],
        type=found[5],
        source_address=_canonical(found[6]),
        source_port=int(found[7]) if found[7] else None,
        destination_address=_canonical(found[8]),
        destination_port=int(found[9]) if found[9] else None,
    )


def _canonical(text: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        return text


SHAPES = (
    Shape(
        name="socket-structures",
        record=TaskSocketStructures,
        parse=_parse_structures,
        options="-S",
        when=lambda source: source.command.has("S"),
    ),
    Shape(
        name="sockets",
        record=TaskSockets,
        parse=_parse_sockets,
        options="-s",
        when=lambda source: source.command.has("s"),
    ),
    Shape(
        name="address",
        record=IpAddress,
        parse=_parse_number,
        options="-N",
        when=lambda source: source.command.has("N"),
    ),
    Shape(
        name="arp",
        record=Neighbour,
        parse=_parse_arp,
        options="-a",
        when=lambda source: source.command.has("a"),
    ),
    Shape(name="devices", record=NetDevice, parse=_parse_devices, options="(none) -n"),
)
