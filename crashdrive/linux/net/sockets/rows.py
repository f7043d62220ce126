"""Socket rows, and how a family's columns become rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from typing import Any, NamedTuple, TypeVar

from crashdrive.linux.fs.owners import Owner, owners
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Address, Record

T = TypeVar("T")

# include/net/tcp_states.h; 12 is a request socket, which /proc/net/tcp shows as SYN_RECV
TCP_STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN_RECV",
    13: "BOUND_INACTIVE",
}
UNCONNECTED = "UNCONN"
LISTENING = frozenset({"LISTEN", UNCONNECTED})
OTHER_STATES = ("UNCONN", "CONNECTING", "CONNECTED", "DISCONNECTING")
TYPES = {1: "stream", 2: "dgram", 3: "raw", 4: "rdm", 5: "seqpacket", 6: "dccp", 10: "packet"}
FAMILIES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet"}


class Socket(Record, frozen=True, gc=False):
    """A socket as in /proc/net.

    ``proto`` as netstat has it: tcp, tcp6, udp, udp6, udplite, udplite6, raw, raw6, icmp, icmp6 (ping
    sockets), unix, packet, netlink; ``netns`` as `NetNamespace.label` has it. ``local_address`` of a unix
    socket is its path (``@``: abstract, NULs in it as ``@``), of a netlink socket its protocol; a raw
    socket's ``local_port`` is its protocol, a netlink socket's its port id. ``recv_q`` and ``send_q`` in
    bytes; for a listening socket the connections to accept, and their limit. ``inode`` 0: a socket without a
    file (not accepted yet, orphaned, TIME_WAIT). ``uid``: that of its file, also after the file was closed,
    where /proc shows 0. ``pid``, ``program``: the process with the lowest pid that has it open. ``address``:
    of the kernel's structure.

    ``timer``: the next timer: ``on`` (retransmit), ``keepalive``, ``timewait``, ``probe`` (of a closed
    window); ``timer_left`` in seconds, negative where it is overdue. ``retransmits``: of the data at the
    head, ``probes``: unanswered ones, ``drops``: packets that didn't fit.
    """

    proto: str
    family: str
    netns: str | None
    local_address: str | None
    local_port: int | None
    remote_address: str | None
    remote_port: int | None
    state: str | None
    recv_q: int | None
    send_q: int | None
    inode: int | None
    uid: int | None
    pid: int | None
    program: str | None
    address: Address
    type: str | None = None
    protocol_number: int | None = None
    interface: str | None = None
    timer: str | None = None
    timer_left: float | None = None
    retransmits: int | None = None
    probes: int | None = None
    drops: int | None = None
    references: int | None = None


# columns that are made here, of namespaces, files and processes
_DERIVED = frozenset({"netns", "inode", "pid", "program", "interface"})


class Batch:
    """Sockets of one kind as columns of equal length, by the fields of `Socket`; the field of an empty or
    missing column is None in every row.

    ``net`` and ``socket``: addresses of their ``struct net`` and ``struct socket`` (empty for a kind without
    files), ``bound``: the index of the interface that they are bound to. ValueError where the lengths differ:
    a short column would lose sockets of the others. TypeError for a column that is no field.
    """

    def __init__(
        self,
        *,
        address: Sequence[int],
        proto: Sequence[str],
        family: Sequence[str],
        state: Sequence[str | None],
        net: Sequence[int | None],
        socket: Sequence[int | None] = (),
        bound: Sequence[int | None] = (),
        **more: Sequence[Any],
    ) -> None:
        if unknown := more.keys() - (set(Socket.__struct_fields__) - _DERIVED):
            raise TypeError(f"sockets have no column {min(unknown)}")
        self.address, self.net, self.proto, self.state = address, net, proto, state
        self.socket, self.bound = socket, bound
        needed = {"address": address, "proto": proto, "family": family, "state": state}
        self.columns: dict[str, Sequence[Any]] = {
            **needed, **{name: column for name, column in more.items() if column}
        }  # fmt: skip
        beside = {name: column for name, column in (("socket", socket), ("bound", bound)) if column}
        lengths = {name: len(column) for name, column in {**self.columns, "net": net, **beside}.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"columns of sockets differ in length: {told}")

    def keep(self, chosen: Sequence[bool]) -> Batch:
        """The rows that are chosen."""
        if all(chosen):
            return self
        everything = {**self.columns, "net": self.net, "socket": self.socket, "bound": self.bound}
        return Batch(**{name: list(compress(column, chosen)) for name, column in everything.items()})


class Wanted(NamedTuple):
    """Which sockets are asked for."""

    protos: frozenset[str]
    listening: bool
    connected: bool

    def state(self, state: str | None) -> bool:
        """Whether sockets in that state are asked for."""
        return self.listening if state in LISTENING else self.connected

    def any_of(self, *protos: str) -> bool:
        """Whether any of these protocols is asked for."""
        return not self.protos.isdisjoint(protos)


def socket_rows(survey: NetSurvey, batches: Sequence[Batch], *, processes: bool) -> list[Socket]:
    """Rows of all batches; ``processes``: find the process that has each socket open."""
    pointers = sorted({pointer for batch in batches for pointer in batch.socket if pointer})
    files = _files(survey, pointers)
    holders = _holders(survey, files) if processes else {}
    names = _interfaces(survey, batches)
    rows: list[Socket] = []
    for batch in batches:
        rows += _rows(survey, batch, files, holders, names)
    return rows


class _Files(NamedTuple):
    """Inode number, inode owner and ``struct file`` of sockets, by the address of their ``struct socket``."""

    inodes: dict[int | None, int | None]
    uids: dict[int | None, int | None]
    files: dict[int | None, int | None]


def _files(survey: NetSurvey, pointers: Sequence[int]) -> _Files:
    """A socket's inode lies beside it in ``struct socket_alloc`` (include/net/sock.h)."""
    kernel = survey.kernel
    kind = "struct socket_alloc"
    shift = kernel.offset(kind, "socket")
    fields = ["vfs_inode.i_ino", "vfs_inode.i_uid.val", "socket.file"]
    columns = kernel.read_many(kind, [pointer - shift for pointer in pointers], fields)
    survey.gaps(columns, "inodes of sockets")
    inodes, uids, files = (
        dict[int | None, Any](zip(pointers, column, strict=True)) for column in columns.columns
    )
    return _Files({0: 0, **inodes}, uids, files)


def _holders(survey: NetSurvey, files: _Files) -> dict[int | None, Owner]:
    """The process that has each socket open, by the address of its ``struct socket``."""
    found = owners(survey.kernel)
    if found.warnings:
        survey.miss(found.warnings, complete=found.complete)
    by_file = found.by_file
    return {pointer: by_file[file] for pointer, file in files.files.items() if file in by_file}


def _interfaces(survey: NetSurvey, batches: Sequence[Batch]) -> dict[tuple[int | None, int | None], str]:
    """Names of the interfaces that sockets are bound to, by namespace and index; empty without any."""
    bound = (zip(batch.net, batch.bound, strict=True) for batch in batches if batch.bound)
    nets = {net for pairs in bound for net, index in pairs if index}
    names: dict[tuple[int | None, int | None], str] = {}
    for net in sorted(net for net in nets if net in survey.labels and net is not None):
        devices = for_each_net_device(survey.kernel, net)
        survey.walked(devices, "interfaces")
        columns = survey.gaps(devices.read(["ifindex", "name"]), "interfaces")
        names |= {(net, index): name for index, name in columns}
    return names


def _rows(
    survey: NetSurvey,
    batch: Batch,
    files: _Files,
    holders: Mapping[int | None, Owner],
    names: Mapping[tuple[int | None, int | None], str],
) -> Iterator[Socket]:
    pointers = batch.socket or [0] * len(batch.net)
    labels = {net: survey.labels.get(net) or _unknown_net(net) for net in set(batch.net)}
    columns: dict[str, Iterable[Any]] = {
        **batch.columns,
        "netns": map(labels.get, batch.net),
        "inode": map(files.inodes.get, pointers),
        "uid": _uids(batch, pointers, files),
        "interface": _bound(batch, names),
    }
    if holders:
        held = [holders.get(pointer) for pointer in pointers]
        columns["pid"] = [owner and owner.pid for owner in held]
        columns["program"] = [owner and owner.program for owner in held]
    # map() over all columns is several times as fast as a loop that looks up each by name
    return map(Socket, *(columns.get(name) or repeat(None) for name in Socket.__struct_fields__))


def _uids(batch: Batch, pointers: Sequence[int | None], files: _Files) -> Iterable[int | None]:
    """The uids of sockets, or of their inodes where the kernel keeps no uid in the socket."""
    own = batch.columns.get("uid") or [None] * len(pointers)
    if None not in own:
        return own
    return [
        files.uids.get(pointer) if uid is None else uid for uid, pointer in zip(own, pointers, strict=True)
    ]


def _bound(batch: Batch, names: Mapping[tuple[int | None, int | None], str]) -> Iterable[str | None]:
    """Names of the interfaces that sockets are bound to, ``if7`` for one that isn't there any more."""
    if not any(batch.bound):
        return repeat(None)
    pairs = zip(batch.net, batch.bound, strict=True)
    return [names.get((net, index), f"if{index}") if index else None for net, index in pairs]


def _unknown_net(net: int | None) -> str | None:
    """The label of a namespace that is on no list (half torn down): its address."""
    return None if net is None else f"{net:x}"
