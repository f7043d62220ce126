"""Headers in a packet's bytes: Ethernet, VLAN tags, ARP, IPv4, IPv6, TCP, UDP, ICMP, GRE.

Nothing here reads memory. A header that is cut short ends the decoding, and so does one that contradicts its
type (a wrong IP version).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from crashdrive.linux.net.addresses import ipv4, ipv6, mac
from crashdrive.records import Address, Record

# include/uapi/linux/if_ether.h
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
_VLANS = frozenset({0x8100, 0x88A8})
_ETHERNET = 14
_PROTOCOLS = {
    1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 33: "DCCP", 41: "IPv6", 47: "GRE", 50: "ESP",
    51: "AH", 58: "ICMPv6", 132: "SCTP", 136: "UDP-Lite",
}  # fmt: skip
# hop-by-hop, routing, destination options: their length is in units of 8 bytes, without the first
_EXTENSIONS = {0: "hop-by-hop", 43: "routing", 60: "destination"}
_FRAGMENT, _AUTHENTICATION = 44, 51
# more nested headers than this are no packet
_MOST = 32
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


class Header(Record, frozen=True):
    """A header: its offset in the buffer and its length in bytes, and its fields.

    ``fields``: by their names in the protocol's standard, addresses as text, flags as words.
    """

    packet_address: Address
    protocol: str
    offset: int
    size: int
    fields: dict[str, int | str | bool | tuple[str, ...]]


class Decoder:
    """Decodes a buffer header by header, into ``found``."""

    def __init__(self, packet: int, buffer: bytes) -> None:
        self.found: list[Header] = []
        self._packet = packet
        self._buffer = buffer

    def _add(
        self, protocol: str, offset: int, size: int, /, **fields: int | str | bool | tuple[str, ...]
    ) -> None:
        header = Header(
            packet_address=self._packet, protocol=protocol, offset=offset, size=size, fields=fields
        )
        self.found.append(header)

    def _take(self, form: str, offset: int) -> tuple[int, ...] | None:
        """Numbers in network order; None where the buffer ends before."""
        if offset + struct.calcsize(f"!{form}") > len(self._buffer):
            return None
        return struct.unpack_from(f"!{form}", self._buffer, offset)

    def _bytes(self, offset: int, size: int) -> bytes:
        return self._buffer[offset : offset + size]

    def ethernet(self, offset: int) -> None:
        """A frame from its Ethernet header on."""
        found = self._take("6x6xH", offset)
        if found is None:
            return
        self._add(
            "Ethernet", offset, _ETHERNET, type=found[0],
            destination=mac(self._bytes(offset, 6)), source=mac(self._bytes(offset + 6, 6)),
        )  # fmt: skip
        self.network(found[0], offset + _ETHERNET)

    def network(self, kind: int, offset: int) -> None:
        """The packet of an EtherType."""
        while kind in _VLANS and len(self.found) < _MOST:
            found = self._take("HH", offset)
            if found is None:
                return
            tag, kind = found
            self._add(
                "VLAN", offset, 4, id=tag & 0xFFF, priority=tag >> 13, drop=bool(tag & 0x1000), type=kind
            )
            offset += 4
        known: dict[int, Callable[[int], None]] = {IPV4: self._ipv4, IPV6: self._ipv6, ARP: self._arp}
        if kind in known:
            known[kind](offset)

    def _arp(self, offset: int) -> None:
        found = self._take("HHBBH", offset)
        size = 28
        if found is None or found[:4] != (1, IPV4, 6, 4) or offset + size > len(self._buffer):
            return
        self._add(
            "ARP", offset, size, operation={1: "request", 2: "reply"}.get(found[4], str(found[4])),
            sender_mac=mac(self._bytes(offset + 8, 6)), sender_address=ipv4(self._bytes(offset + 14, 4)),
            target_mac=mac(self._bytes(offset + 18, 6)), target_address=ipv4(self._bytes(offset + 24, 4)),
        )  # fmt: skip

    def _ipv4(self, offset: int) -> None:
        found = self._take("BBHHHBBH4x4x", offset)
        if found is None:
            return
        first, tos, length, number, fragment, time_to_live, protocol, checksum = found
        size = 4 * (first & 15)
        if first >> 4 != 4 or size < 20 or offset + size > len(self._buffer):
            return
        shift = 8 * (fragment & 0x1FFF)
        self._add(
            "IPv4", offset, size, source=ipv4(self._bytes(offset + 12, 4)),
            destination=ipv4(self._bytes(offset + 16, 4)), protocol=_name(protocol), length=length,
            ttl=time_to_live, dscp=tos >> 2, ecn=tos & 3, id=number, fragment_offset=shift,
            dont_fragment=bool(fragment & 0x4000), more_fragments=bool(fragment & 0x2000),
            checksum=checksum, checksum_right=_sum(self._bytes(offset, size)) == 0xFFFF,
        )  # fmt: skip
        if not shift:
            self.transport(protocol, offset + size)

    def _ipv6(self, offset: int) -> None:
        found = self._take("IHBB16x16x", offset)
        if found is None or found[0] >> 28 != 6:
            return
        first, length, following, hops = found
        at, fragment, between = offset + 40, 0, list[str]()
        while following in _EXTENSIONS or following in (_FRAGMENT, _AUTHENTICATION):
            extension = self._take("BBH", at)
            if extension is None:
                break
            between.append(_EXTENSIONS.get(following, "fragment" if following == _FRAGMENT else "AH"))
            if following == _FRAGMENT:
                fragment = extension[2] & 0xFFF8
            at += _extension_size(following, extension[1])
            following = extension[0]
        self._add(
            "IPv6", offset, at - offset, source=ipv6(self._bytes(offset + 8, 16)),
            destination=ipv6(self._bytes(offset + 24, 16)), protocol=_name(following), length=length,
            hop_limit=hops, traffic_class=first >> 20 & 0xFF, flow_label=first & 0xFFFFF,
            extensions=tuple(between), fragment_offset=fragment,
        )  # fmt: skip
        if not fragment:
            self.transport(following, at)

    def transport(self, protocol: int, offset: int) -> None:
        known: dict[int, Callable[[int], None]] = {
            1: self._icmp, 4: self._ipv4, 6: self._tcp, 17: self._udp, 41: self._ipv6, 58: self._icmp6,
            136: self._udplite,
        }  # fmt: skip
        if protocol in known and len(self.found) < _MOST:
            known[protocol](offset)

    def _tcp(self, offset: int) -> None:
        found = self._take("HHIIBBHHH", offset)
        if found is None or found[4] >> 4 < 5:
            return
        source, destination, sequence, acknowledged, size, flags, window, checksum, urgent = found
        self._add(
            "TCP", offset, 4 * (size >> 4), source_port=source, destination_port=destination, seq=sequence,
            ack=acknowledged, flags=tuple(name for bit, name in enumerate(_FLAGS) if flags >> bit & 1),
            window=window, checksum=checksum, urgent=urgent,
        )  # fmt: skip

    def _udp(self, offset: int) -> None:
        self._ports("UDP", offset, "length")

    def _udplite(self, offset: int) -> None:
        self._ports("UDP-Lite", offset, "coverage")

    def _ports(self, protocol: str, offset: int, third: str) -> None:
        found = self._take("HHHH", offset)
        if found is not None:
            source, destination, length, checksum = found
            fields = {third: length, "checksum": checksum}
            self._add(protocol, offset, 8, source_port=source, destination_port=destination, **fields)

    def _icmp(self, offset: int) -> None:
        self._message("ICMP", offset, (0, 8))

    def _icmp6(self, offset: int) -> None:
        self._message("ICMPv6", offset, (128, 129))

    def _message(self, protocol: str, offset: int, echoes: tuple[int, ...]) -> None:
        found = self._take("BBHHH", offset)
        if found is not None:
            kind, code, checksum, number, sequence = found
            more = {"id": number, "sequence": sequence} if kind in echoes else {}
            self._add(protocol, offset, 8, type=kind, code=code, checksum=checksum, **more)


def _name(protocol: int) -> str:
    return _PROTOCOLS.get(protocol, str(protocol))


def _extension_size(kind: int, length: int) -> int:
    if kind == _FRAGMENT:
        return 8
    return 4 * (length + 2) if kind == _AUTHENTICATION else 8 * (length + 1)


def _sum(raw: bytes) -> int:
    """The internet checksum's sum: 0xffff over a header whose checksum is right."""
    total: int = sum(struct.unpack(f"!{len(raw) // 2}H", raw))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
