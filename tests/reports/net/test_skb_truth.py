"""Packets that wait at sockets: what their headers say, held against the sockets that they wait at."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report

TRANSPORTS = {"tcp": "TCP", "udp": "UDP", "udplite": "UDP-Lite"}


class Waiting(NamedTuple):
    """A socket, the packets in its queue, and the headers of each by protocol."""

    socket: Any
    packets: list[Any]
    headers: list[dict[str, Any]]


@pytest.fixture(scope="module")
def crash(lab: Any) -> Crash:
    return Crash(lab.session, keep=False)


@pytest.fixture(scope="module")
def reported(crash: Crash) -> dict[Any, Report]:
    """Each socket with something to read, and the report on its queue."""
    sockets = crash.report("netstat", all=True).table("sockets").rows
    shift = crash.kernel.offset("struct sock", "sk_receive_queue")
    full = [s for s in sockets if s.recv_q and s.state not in ("LISTEN", "TIME_WAIT", "SYN_RECV")]
    return {s: crash.report("skb", queue=(s.address + shift,)) for s in full[:60]}


@pytest.fixture(scope="module")
def waiting(reported: dict[Any, Report]) -> list[Waiting]:
    found = []
    for socket, report in reported.items():
        packets = list(report.table("packets").rows)
        headers = [
            {h.protocol: h.fields for h in report.table("headers").rows if h.packet_address == packet.address}
            for packet in packets
        ]
        found.append(Waiting(socket, packets, headers))
    return found


def test_every_packet_of_a_connection_is_its_own(waiting: list[Waiting]) -> None:
    compared = set()
    for socket, packets, headers in waiting:
        transport = TRANSPORTS.get(socket.proto.removesuffix("6"))
        if transport is None:
            continue
        for fields in headers:
            network = fields["IPv6"] if socket.proto.endswith("6") and "IPv6" in fields else fields["IPv4"]
            assert fields[transport]["destination_port"] == socket.local_port
            if socket.remote_port:
                assert fields[transport]["source_port"] == socket.remote_port
                source = network["source"]
                assert socket.remote_address in (source, f"::ffff:{source}")
            compared.add(transport)
        if transport == "TCP":
            # the end of a stream counts as one byte, of which there may be no packet left
            ended = socket.state not in ("ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2")
            assert sum(packet.length for packet in packets) + ended == socket.recv_q
    assert compared == set(TRANSPORTS.values())


def test_frames_of_packet_sockets(waiting: list[Waiting]) -> None:
    seen: set[str] = set()
    for socket, packets, headers in waiting:
        if socket.proto != "packet":
            continue
        for packet, fields in zip(packets, headers, strict=True):
            assert socket.interface in (packet.device, None)
            assert packet.netns == socket.netns
            if "Ethernet" in fields:
                assert fields["Ethernet"]["type"] == packet.ethertype
            seen |= fields.keys()
            ip = fields.get("IPv4", {"checksum_right": True})
            assert ip["checksum_right"], fields
    assert seen >= {"Ethernet", "ARP", "IPv4", "IPv6", "ICMP"}


def test_packets_of_unix_sockets_have_no_headers(waiting: list[Waiting]) -> None:
    found = [(packets, headers) for socket, packets, headers in waiting if socket.proto == "unix"]
    assert found
    for packets, headers in found:
        assert packets
        assert not any(headers)


def test_what_is_no_packet(crash: Crash) -> None:
    place = crash.kernel.symbols.address("init_task")
    report = crash.report("skb", address=(place,))
    assert not report.complete
    assert [notice.kind for notice in report.warnings] == ["node"]
    assert not report.table("packets").rows


def test_data(crash: Crash, waiting: list[Waiting]) -> None:
    packet = next(p for socket, packets, _ in waiting for p in packets if socket.proto == "unix")
    (found,) = crash.report("skb", address=(packet.address,), data=True).table("packets").rows
    assert len(found.data) == 2 * (packet.length - packet.data_length)


def test_complete(reported: dict[Any, Report]) -> None:
    assert all(report.complete for report in reported.values())
