"""Details of unix, packet, netlink and UDP sockets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.packets.queues import packets
from crashdrive.linux.net.sockets.detail import ends
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.linux.survey import Fields, Survey, bit, row_dicts
from crashdrive.records import Address, Notice, Record, Table

# include/uapi/linux/if_packet.h
_FANOUT = {0: "hash", 1: "lb", 2: "cpu", 3: "rollover", 4: "rnd", 5: "qm", 6: "cbpf", 7: "ebpf"}


class UnixDetail(Record, frozen=True, gc=False):
    """A unix socket; ``peer_*``: of the socket that it is connected to (unknown in a namespace that isn't
    shown).

    ``queued``: packets in its queue, or connections of a listening socket.
    """

    local: str | None
    type: str | None
    state: str | None
    inode: int | None
    peer_inode: int | None
    peer_local: str | None
    peer_program: str | None
    queued: int | None
    address: Address
    peer_address: Address | None


class UnixWaiting(Record, frozen=True, gc=False):
    """A connection in a unix socket's accept queue: ``address`` of the socket that accept() will give, and
    its peer.
    """

    local: str | None
    peer_inode: int | None
    peer_program: str | None
    address: Address | None
    peer_address: Address | None
    listener_address: Address


class PacketDetail(Record, frozen=True, gc=False):
    """A packet socket: ``running`` when it receives; ``ring_*`` its receive ring in blocks and frames."""

    protocol_number: int | None
    type: str | None
    interface: str | None
    running: bool | None
    tpacket_version: int | None
    copy_threshold: int | None
    fanout: int | None
    fanout_type: str | None
    ring_block_size: int | None
    ring_blocks: int | None
    ring_frame_size: int | None
    inode: int | None
    address: Address


class NetlinkDetail(Record, frozen=True, gc=False):
    """A netlink socket: ``multicast_groups`` that it listens to; ``dumping`` while it is answered."""

    protocol: str | None
    port_id: int | None
    multicast_groups: tuple[int, ...] | None
    dumping: bool | None
    destination_port_id: int | None
    destination_group: int | None
    inode: int | None
    address: Address


class UdpDetail(Record, frozen=True, gc=False):
    """A UDP socket: ``pending_bytes`` of a datagram to be completed, ``corked`` when it waits for more.

    ``encap_type`` is the kernel's number (UDP_ENCAP_*) for what its packets carry, 0 for nothing.
    """

    local: str | None
    remote: str | None
    pending_bytes: int | None
    corked: bool | None
    encap_type: int | None
    address: Address


def addresses_of(rows: Sequence[Socket]) -> list[int]:
    """Addresses of the rows' structures."""
    return [row.address for row in rows]


# unix


def unix_tables(survey: Survey, rows: Sequence[Socket], everyone: Mapping[int, Socket]) -> Iterator[Table]:
    """Peers and accept queues; ``everyone``: rows by address, also of peers."""
    if not rows:
        return
    members = {"peer": ("peer",), "queued": ("sk.sk_receive_queue.qlen",)}
    fields = Fields(survey.kernel, "struct unix_sock", members)
    found = survey.read(fields, addresses_of(rows), "unix sockets")
    records = [
        UnixDetail(
            local=row.local_address, type=row.type, state=row.state, inode=row.inode,
            queued=queued, address=row.address, peer_address=peer or None, **_peer(everyone.get(peer)),
            peer_local=everyone[peer].local_address if peer in everyone else None,
        )
        for row, peer, queued in zip(rows, found["peer"], found["queued"], strict=True)
    ]  # fmt: skip
    yield Table(name="unix", rows=records, title="Unix sockets")
    yield _unix_queues(survey, [row for row in rows if row.state == "LISTEN" and row.recv_q], everyone)


def _peer(row: Socket | None) -> dict[str, Any]:
    return {"peer_inode": row and row.inode, "peer_program": row and row.program}


def _unix_queues(survey: Survey, rows: Sequence[Socket], everyone: Mapping[int, Socket]) -> Table:
    """A packet in a listening socket's queue carries the socket that accept() will give."""
    kernel = survey.kernel
    offset = kernel.offset("struct unix_sock", "sk.sk_receive_queue")
    queues = packets(survey, [row.address + offset for row in rows], "accept queues of unix sockets")
    owners = {row.address + offset: row for row in rows}
    waiting = [(owners[head], buffer) for head, queue in queues.items() for buffer in queue if head in owners]
    columns = kernel.read_many("struct sk_buff", [buffer for _, buffer in waiting], ["sk"])
    embryos = survey.gaps(columns, "accept queues of unix sockets")["sk"]
    pointers = sorted({embryo for embryo in embryos if embryo})
    peers = survey.gaps(kernel.read_many("struct unix_sock", pointers, ["peer"]), "unix sockets")["peer"]
    peer_of = dict(zip(pointers, peers, strict=True))
    records = [
        UnixWaiting(
            local=row.local_address, address=embryo or None, listener_address=row.address,
            peer_address=peer_of.get(embryo) or None, **_peer(everyone.get(peer_of.get(embryo) or 0)),
        )
        for (row, _), embryo in zip(waiting, embryos, strict=True)
    ]  # fmt: skip
    return Table(name="unix_accept_queues", rows=records, title="Unix connections to be accepted")


# packet

_PACKET = {
    "running": ("running",),
    "flags": ("flags",),
    "tpacket_version": ("tp_version",),
    "copy_threshold": ("copy_thresh",),
    "fanout": ("fanout->id",),
    "fanout_type": ("fanout->type",),
    "ring_block_size": ("rx_ring.pg_vec_pages",),
    "ring_blocks": ("rx_ring.pg_vec_len",),
    "ring_frame_size": ("rx_ring.frame_size",),
}


def packet_table(survey: Survey, rows: Sequence[Socket]) -> Iterator[Table]:
    """Packet sockets."""
    if not rows:
        return
    kernel = survey.kernel
    fields = Fields(kernel, "struct packet_sock", _PACKET)
    found = survey.read(fields, addresses_of(rows), "packet sockets")
    flags, running = found.pop("flags"), found.pop("running")
    kind, name = "enum packet_sock_flags", "PACKET_SOCK_RUNNING"
    if kernel.has_type(kind) and name in kernel.enumerators(kind):  # a flag since 6.4
        mask = bit(kernel, kind, name)
        running = [None if bits is None else bool(bits & mask) for bits in flags]
    found["running"] = [None if value is None else bool(value) for value in running]
    size = kernel.page_size
    found["ring_block_size"] = [pages and pages * size for pages in found["ring_block_size"]]
    found["fanout_type"] = [
        None if kind is None else _FANOUT.get(kind, str(kind)) for kind in found["fanout_type"]
    ]
    records = [
        PacketDetail(
            protocol_number=row.protocol_number, type=row.type, interface=row.interface, inode=row.inode,
            address=row.address, **values,
        )
        for row, values in zip(rows, row_dicts(found), strict=True)
    ]  # fmt: skip
    yield Table(name="packet", rows=records, title="Packet sockets")


# netlink

_NETLINK = {
    "multicast_groups": ("groups",),
    "count": ("ngroups",),
    "dumping": ("cb_running",),
    "destination_port_id": ("dst_portid",),
    "destination_group": ("dst_group",),
}
# a socket that claims more groups than this is damaged: the largest family has a few dozen
_MOST_GROUPS = 1 << 16


def netlink_table(survey: Survey, rows: Sequence[Socket]) -> Iterator[Table]:
    """Netlink sockets."""
    if not rows:
        return
    fields = Fields(survey.kernel, "struct netlink_sock", _NETLINK)
    found = survey.read(fields, addresses_of(rows), "netlink sockets")
    found["multicast_groups"] = _groups(survey, found["multicast_groups"], found.pop("count"))
    found["dumping"] = [None if value is None else bool(value) for value in found["dumping"]]
    records = [
        NetlinkDetail(
            protocol=row.local_address, port_id=row.local_port, inode=row.inode, address=row.address, **values
        )
        for row, values in zip(rows, row_dicts(found), strict=True)
    ]
    yield Table(name="netlink", rows=records, title="Netlink sockets")


def _groups(
    survey: Survey, pointers: Sequence[int | None], counts: Sequence[int | None]
) -> list[tuple[int, ...] | None]:
    """Numbers of the bits set, from 1, in the machine's longs; None where these could not be read."""
    kernel = survey.kernel
    window, width = kernel.window(), kernel.pointer_size
    places = [
        (pointer, -(-count // (8 * width)) * width) if pointer and count and count <= _MOST_GROUPS else None
        for pointer, count in zip(pointers, counts, strict=True)
    ]
    window.fetch(place for place in places if place)
    found: list[tuple[int, ...] | None] = []
    for place, pointer, count in zip(places, pointers, counts, strict=True):
        raw = window.bytes(*place) if place else b"" if pointer == 0 or count == 0 else None
        found.append(None if raw is None else _bits(raw, width, kernel.byte_order))
    # a socket that couldn't be read itself is noted before
    lost = sum(
        groups is None and None not in pair for *pair, groups in zip(pointers, counts, found, strict=True)
    )
    if lost:
        survey.miss([Notice(kind="hole", message=f"groups of {lost} netlink sockets could not be read")])
    return found


def _bits(raw: bytes, width: int, order: Any) -> tuple[int, ...]:
    words = (int.from_bytes(raw[at : at + width], order) for at in range(0, len(raw), width))
    return tuple(
        8 * width * i + place + 1
        for i, word in enumerate(words)
        for place in range(8 * width)
        if word >> place & 1
    )


# UDP

_UDP = {
    "pending": ("pending",),
    "length": ("len",),
    "corkflag": ("corkflag",),
    "flags": ("udp_flags",),
    "encap_type": ("encap_type",),
}
_CORKED = 1  # bit UDP_FLAGS_CORK of udp_flags, a member of its own before that


def udp_table(survey: Survey, rows: Sequence[Socket]) -> Iterator[Table]:
    """UDP and UDP-Lite sockets."""
    if not rows:
        return
    fields = Fields(survey.kernel, "struct udp_sock", _UDP)
    found = survey.read(fields, addresses_of(rows), "UDP sockets")
    corked = found["corkflag"] if fields.has("corkflag") else found["flags"]
    records = [
        UdpDetail(
            **ends(row), address=row.address, encap_type=encap_type,
            pending_bytes=length if pending else None if pending is None else 0,
            corked=None if cork is None else bool(cork & _CORKED),
        )
        for row, pending, length, cork, encap_type in zip(
            rows, found["pending"], found["length"], corked, found["encap_type"], strict=True
        )
    ]  # fmt: skip
    yield Table(name="udp", rows=records, title="UDP sockets")
