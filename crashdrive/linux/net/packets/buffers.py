"""Packets by the address of their ``struct sk_buff``, decoded down to their headers.

Source: include/linux/skbuff.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from crashdrive.linux.net.addresses import port
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.packets.headers import Decoder, Header
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

_KIND = "struct sk_buff"
_SHARED = "struct skb_shared_info"
_MEMBERS = {
    "length": ("len",),
    "data_length": ("data_len",),
    "truesize": ("truesize",),
    "device": ("dev",),
    "interface": ("skb_iif",),
    "socket": ("sk",),
    "protocol": ("protocol",),
    "packet_type": ("pkt_type",),
    "cloned": ("cloned",),
    "mark": ("mark",),
    "priority": ("priority",),
    "queue": ("queue_mapping",),
    "hash": ("hash",),
    "vlan_tag": ("vlan_tci",),
    "vlan_present": ("vlan_present", "vlan_all"),
    "users": ("users.refs.counter", "users.counter"),
    "connection": ("_nfct", "nfct"),
    "head": ("head",),
    "data": ("data",),
    "tail": ("tail",),
    "end": ("end",),
    "mac": ("mac_header",),
    "network": ("network_header",),
    "transport": ("transport_header",),
}
_REQUIRED = ("length", "data_length", "head", "data", "tail", "end", "mac", "network", "protocol")
_SHARED_MEMBERS = {
    "fragments": ("nr_frags",),
    "gso_size": ("gso_size",),
    "gso_segments": ("gso_segs",),
    "gso_type": ("gso_type",),
    "fragment_list": ("frag_list",),
    "data_users": ("dataref.counter",),
}
_OFFSETS = (("mac", "mac_header"), ("network", "network_header"), ("transport", "transport_header"))
# include/uapi/linux/if_packet.h
_TYPES = {
    0: "host",
    1: "broadcast",
    2: "multicast",
    3: "other host",
    4: "outgoing",
    5: "loopback",
    6: "user",
    7: "kernel",
}
_ETHERNET = frozenset({1, 772})  # ARPHRD_ETHER, ARPHRD_LOOPBACK
_LINKS = (14, 18, 22)  # without a VLAN's tag, with one, with two
# dataref counts users of the data alone in its upper half (include/linux/skbuff.h)
_LOW_HALF = 0xFFFF
# a larger linear part is damage: the largest are some 64 kB
_MOST_LINEAR = 1 << 20


class Packet(Record, frozen=True):
    """A packet; lengths in bytes.

    ``length``: of all data, ``data_length``: of the data in pages or further packets. ``headroom`` and
    ``tailroom``: free bytes before and behind the linear data. ``mac_offset``, ``network_offset``,
    ``transport_offset``: the kernel's offsets of headers, from ``head_address`` on; None where unset.
    ``ethertype``: the protocol of the contents. ``interface_index``: of the interface it came in by.
    ``device``: the interface that has it now; for a packet at a socket, which uses the member for something
    else, the one it came in by. ``connection_address``: of its ``struct nf_conn``. ``data``: the linear part,
    if it was asked for.
    """

    address: Address
    length: int | None
    data_length: int | None
    truesize: int | None
    ethertype: int | None
    type: str | None
    device: str | None
    interface_index: int | None
    netns: str | None
    socket_address: Address | None
    users: int | None
    data_users: int | None
    cloned: bool | None
    mark: int | None
    priority: int | None
    queue: int | None
    hash: int | None
    vlan: int | None
    connection_address: Address | None
    head_address: Address | None
    headroom: int | None
    tailroom: int | None
    mac_offset: int | None
    network_offset: int | None
    transport_offset: int | None
    fragments: int | None
    fragment_list_address: Address | None
    gso_size: int | None
    gso_segments: int | None
    gso_type: int | None
    data: str | None


class _Device(NamedTuple):
    """An interface: its name, namespace and type."""

    name: str
    net: int | None
    number: int | None
    type: int | None


class _Devices:
    """Interfaces by address, and by namespace and index."""

    def __init__(self, survey: NetSurvey) -> None:
        devices = for_each_net_device(survey.kernel)
        survey.walked(devices, "interfaces")
        rows = survey.gaps(devices.read(["name", "nd_net.net", "ifindex", "type"]), "interfaces")
        found = [(place, _Device(*row)) for place, row in zip(devices.addresses, rows, strict=True) if row[0]]
        self._by_address: dict[int | None, _Device] = dict(found)
        self._by_index = {(device.net, device.number): device for _, device in found}

    def of(self, address: int | None, net: int | None, index: int | None) -> _Device | None:
        """The interface at an address; else (a socket's queue) the one with an index in the socket's
        namespace.
        """
        return self._by_address.get(address) or self._by_index.get((net, index or None))


def read_packets(
    survey: NetSurvey, places: Sequence[int], *, data: bool
) -> Iterator[tuple[Packet, list[Header]]]:
    """Packets at these addresses of ``sk_buff``, each with its headers; with ``data`` its bytes, too.

    A packet that can't be read, or is damaged, is left out, and noted.
    """
    rows = _sound(survey, places)
    buffers = _buffers(survey, rows)
    devices, nets = _Devices(survey), _nets_of(survey, [row["socket"] for row in rows])
    for row, buffer in zip(rows, buffers, strict=True):
        net = nets.get(row["socket"])
        device = devices.of(row["device"], net, row["interface"])
        row["netns"] = survey.labels.get(device.net if device else net)
        text = buffer[row["data"] :].hex() if buffer is not None and data else None
        yield _packet(row, device, text), _headers(row, buffer or b"", device)


def _sound(survey: NetSurvey, places: Sequence[int]) -> list[dict[str, Any]]:
    """Members of the sound packets, with those of their ``struct skb_shared_info``."""
    kernel = survey.kernel
    rows = []
    fields = Fields(kernel, _KIND, _MEMBERS, _REQUIRED)
    for place, row in survey.addressed(fields, places, "packets"):
        row["address"] = place
        _lay_out(survey, row)
        if _is_packet(row, kernel.memory.floor):
            rows.append(row)
        else:
            message = f"{place:#x} is no packet: buffer and lengths contradict"
            survey.miss([Notice(kind="node", message=message)])
    ends = [row["head"] + row["end"] for row in rows]
    shared = survey.rows(Fields(kernel, _SHARED, _SHARED_MEMBERS), ends, "packets' shared data")
    for row, more in zip(rows, shared, strict=True):
        row.update(more)
    return rows


def _buffers(survey: NetSurvey, rows: Sequence[dict[str, Any]]) -> list[bytes | None]:
    """The linear parts, from ``head`` on; None and a notice where one is missing."""
    found = survey.kernel.gather((row["head"], row["tail"]) for row in rows)
    buffers = []
    for row in rows:
        size = row["tail"]
        buffers.append(found.get(row["head"], size) if size else b"")
        if buffers[-1] is None:
            hole = found.hole(row["head"], size)
            reason = hole.reason if hole else "not in the dump"
            message = f"data of the packet at {row['address']:#x}: {reason}"
            survey.miss([Notice(kind="hole", message=message)])
    return buffers


def _lay_out(survey: NetSurvey, row: dict[str, Any]) -> None:
    """Turn all positions into offsets from ``head``; unset ones into None.

    Kernels of 32 bits keep them as pointers (NET_SKBUFF_DATA_USES_OFFSET is not set).
    """
    kernel, head = survey.kernel, row["head"]
    pointers = head is not None and kernel.pointer_size == 4
    row["data"] = None if None in (head, row["data"]) else row["data"] - head
    for name, member in (("tail", "tail"), ("end", "end"), *_OFFSETS):
        value = row[name]
        unset = (1 << 8 * kernel.sizeof(kernel.place(_KIND, member).type)) - 1
        if value is None or (value == unset and name not in ("tail", "end")):
            row[name] = None
        elif pointers and name in ("tail", "end"):
            row[name] = value - head
    # 0 is unset: a packet always has room in front of its network header
    row["network"] = row["network"] or None
    protocol = row["protocol"]
    row["protocol"] = None if protocol is None else port(protocol.to_bytes(2, kernel.byte_order))


def _is_packet(row: dict[str, Any], floor: int) -> bool:
    """Whether there is a buffer, and the lengths fit each other (skb_headlen, skb_tailroom)."""
    if None in (row["head"], row["data"], row["tail"], row["end"], row["length"], row["data_length"]):
        return False
    ordered = (
        floor <= row["head"]
        and 0 <= row["data"] <= row["tail"] <= row["end"] <= _MOST_LINEAR
        and row["end"] > 0
    )
    return ordered and bool(row["length"] - row["data_length"] == row["tail"] - row["data"])


def _packet(row: dict[str, Any], device: _Device | None, data: str | None) -> Packet:
    same = (
        "address", "netns", "length", "data_length", "truesize", "users", "mark", "priority", "queue", "hash",
        "fragments", "gso_size", "gso_segments", "gso_type",
    )  # fmt: skip
    shared = row["data_users"]
    return Packet(
        **{name: row[name] for name in same},
        head_address=row["head"],
        ethertype=row["protocol"] or None,
        type=None if row["packet_type"] is None else _TYPES[row["packet_type"]],
        device=device.name if device else None,
        interface_index=row["interface"] or None,
        socket_address=row["socket"] or None,
        data_users=None if shared is None else shared & _LOW_HALF,
        cloned=None if row["cloned"] is None else bool(row["cloned"]),
        vlan=row["vlan_tag"] if row["vlan_present"] else None,
        # the low bits are the packet's state in the connection
        connection_address=(row["connection"] or 0) & ~7 or None,
        headroom=row["data"],
        tailroom=0 if row["data_length"] else row["end"] - row["tail"],
        mac_offset=row["mac"],
        network_offset=row["network"],
        transport_offset=row["transport"],
        fragment_list_address=row["fragment_list"] or None,
        data=data,
    )


def _nets_of(survey: NetSurvey, sockets: Sequence[int | None]) -> dict[int | None, int | None]:
    """The namespaces of packets' sockets; the socket of a packet without one is NULL."""
    # older kernels use the member for fragments, too (ip_defrag_offset)
    known = sorted({socket for socket in sockets if socket and socket >= survey.kernel.memory.floor})
    found = survey.kernel.read_many("struct sock_common", known, ["skc_net.net"])
    return dict(zip(known, survey.gaps(found, "sockets of packets")["skc_net.net"], strict=True))


def _headers(row: dict[str, Any], buffer: bytes, device: _Device | None) -> list[Header]:
    """The headers, from that of the link on where it is Ethernet, else from that of the network."""
    place, mac, network, kind = row["address"], row["mac"], row["network"], row["protocol"]
    if network is None:
        return []
    if mac is not None and network - mac in _LINKS and (device is None or device.type in _ETHERNET):
        decoder = Decoder(place, buffer)
        decoder.ethernet(mac)
        # there was no Ethernet header if the network header found after it isn't where the kernel has it
        if any(header.offset == network for header in decoder.found):
            return decoder.found
    decoder = Decoder(place, buffer)
    decoder.network(kind or _by_version(buffer, network), network)
    return decoder.found


def _by_version(buffer: bytes, offset: int) -> int:
    """The EtherType by the IP version in the first half byte: outgoing packets may have no type yet."""
    version = buffer[offset] >> 4 if offset < len(buffer) else 0
    return {4: 0x0800, 6: 0x86DD}.get(version, 0)
