"""Packets' headers out of bytes: whole ones, tagged ones, and what ends too early or lies."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.linux.net.packets.headers import Decoder, Header

MAC = bytes.fromhex("020000000102") + bytes.fromhex("020000000101")
SYN = struct.pack("!HHIIBBHHH", 40000, 443, 7, 0, 0x50, 0x02, 1024, 0, 0)


def ipv4(payload: bytes, protocol: int, *, first: int = 0x45, fragment: int = 0x4000) -> bytes:
    head = struct.pack(
        "!BBHHHBBH4s4s", first, 0, 20 + len(payload), 9, fragment, 64, protocol, 0,
        bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]),
    )  # fmt: skip
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", 0xFFFF - total) + head[12:] + payload


def ipv6(payload: bytes, following: int) -> bytes:
    addresses = bytes.fromhex("20010db8" + "00" * 11 + "01") + bytes.fromhex("20010db8" + "00" * 11 + "02")
    return struct.pack("!IHBB", 6 << 28 | 5, len(payload), following, 255) + addresses + payload


def frame(kind: int, payload: bytes) -> list[Header]:
    decoder = Decoder(1, b"room" + MAC + struct.pack("!H", kind) + payload)
    decoder.ethernet(4)
    return decoder.found


def test_tcp_over_ipv4() -> None:
    ethernet, ip, tcp = frame(0x0800, ipv4(SYN, 6))
    assert (ethernet.offset, ip.offset, tcp.offset) == (4, 18, 38)
    assert ethernet.fields["source"] == "02:00:00:00:01:01"
    assert (ip.fields["source"], ip.fields["destination"]) == ("192.0.2.1", "192.0.2.2")
    assert (ip.fields["protocol"], ip.fields["checksum_right"], ip.fields["dont_fragment"]) == (
        "TCP",
        True,
        True,
    )
    assert (tcp.fields["source_port"], tcp.fields["flags"]) == (40000, ("SYN",))


def test_tags_and_extensions() -> None:
    hop = struct.pack("!BBH4x", 44, 0, 0)
    fragment = struct.pack("!BBHI", 58, 0, 0, 1)
    echo = struct.pack("!BBHHH", 128, 0, 0, 77, 3)
    tagged = struct.pack("!HH", 0x2064, 0x86DD)
    _, vlan, ip, icmp = frame(0x8100, tagged + ipv6(hop + fragment + echo, 0))
    assert (vlan.fields["id"], vlan.fields["priority"]) == (100, 1)
    assert (ip.fields["extensions"], ip.size, ip.fields["flow_label"]) == (("hop-by-hop", "fragment"), 56, 5)
    assert (icmp.protocol, icmp.fields["id"], icmp.fields["sequence"]) == ("ICMPv6", 77, 3)


def test_arp() -> None:
    ends = MAC[:6] + bytes([10, 0, 0, 1]) + bytes(6) + bytes([10, 0, 0, 2])
    arp = frame(0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + ends)[1]
    assert (arp.fields["operation"], arp.fields["target_address"]) == ("request", "10.0.0.2")


@pytest.mark.parametrize("first", [0x65, 0x44])
def test_no_ip_where_the_version_lies(first: int) -> None:
    assert [header.protocol for header in frame(0x0800, ipv4(SYN, 6, first=first))] == ["Ethernet"]


def test_later_fragments_have_no_ports() -> None:
    later = frame(0x0800, ipv4(SYN, 6, fragment=0x2001))
    assert [header.protocol for header in later] == ["Ethernet", "IPv4"]
    assert (later[1].fields["fragment_offset"], later[1].fields["more_fragments"]) == (8, True)


def test_wrong_checksum() -> None:
    raw = bytearray(ipv4(SYN, 6))
    raw[8] = 1
    assert frame(0x0800, bytes(raw))[1].fields["checksum_right"] is False


@pytest.mark.parametrize("size", range(len(ipv4(SYN, 6))))
def test_what_ends_early_gives_fewer_headers(size: int) -> None:
    found = [header.protocol for header in frame(0x0800, ipv4(SYN, 6)[:size])]
    assert found == ["Ethernet", "IPv4"][: 1 + (size >= 20)]


def test_headers_without_end() -> None:
    for kind, raw in ((0x0800, ipv4(b"", 4) * 5000), (0x8100, bytes.fromhex("00018100") * 5000)):
        decoder = Decoder(1, raw)
        decoder.network(kind, 0)
        assert len(decoder.found) == 32


@given(st.binary(max_size=200), st.sampled_from([0x0800, 0x86DD, 0x0806, 0x8100, 0]))
def test_any_bytes(raw: bytes, kind: int) -> None:
    decoder = Decoder(1, raw)
    decoder.network(kind, 0)
    assert all(0 <= header.offset < len(raw) for header in decoder.found)
