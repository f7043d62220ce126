"""From where on something is found: each limit, just below it and at it."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.net import links
from crashdrive.linux.net.counters.losses import is_loss
from crashdrive.linux.net.counters.snmp import Counter
from crashdrive.linux.net.counters.sockstat import Fragments, ProtocolMemory
from crashdrive.linux.net.netfilter.conntrack import Count
from crashdrive.linux.net.packets.softnet import Limits, Softnet
from crashdrive.linux.net.routing.neighbours import Neighbour
from crashdrive.linux.net.sockets import ports
from crashdrive.linux.net.sockets.detail import ends
from crashdrive.linux.net.sockets.queues import ListenQueue, QueuedData, Retransmitting
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.records import Finding
from crashdrive.rules import EVIDENCE, Facts, judge, rule_for, rule_names
from crashdrive.rules.net import _words as words

WHO: dict[str, Any] = {
    "proto": "tcp", "netns": "red", "local": "192.0.2.1:80", "remote": "0.0.0.0:0", "pid": 7,
    "program": "server", "address": 0xFFFF_8880_0000_1000,
}  # fmt: skip


def found_in(**tables: Any) -> tuple[Finding, ...]:
    """What the rules over the network find in these rows; REPORT_TABLE is REPORT.TABLE."""
    given = {name.replace("_", ".", 1): rows for name, rows in tables.items()}
    judged = judge(Facts(given=given), map(rule_for, rule_names("net")))
    assert (judged.notices, judged.complete) == ((), True)
    return judged.findings


def named(**tables: Any) -> dict[str, str]:
    """Kinds with their severities."""
    return {one.kind: one.severity for one in found_in(**tables)}


def listening(accept: int | None, limit: int | None, syn: int | None = 0) -> ListenQueue:
    return ListenQueue(**WHO, accept_queue=accept, accept_limit=limit, syn_queue=syn, drops=3)


@pytest.mark.parametrize(
    ("queue", "found"),
    [
        (listening(11, 10), {"listen-queue-full": "critical"}),
        (listening(10, 10), {"listen-queue-nearly-full": "warning"}),
        (listening(9, 10), {"listen-queue-nearly-full": "warning"}),
        (listening(8, 10), {}),
        (listening(0, 0), {}),
        (listening(1, 0), {"listen-queue-full": "critical"}),
        (listening(None, 10), {}),
        (listening(3, None), {}),
        (listening(0, 10, 9), {}),
        (listening(0, 10, 10), {"syn-queue-full": "warning"}),
        (listening(1, 10, None), {}),
    ],
)
def test_listen_queues(queue: ListenQueue, found: dict[str, str]) -> None:
    assert named(netsummary_listen_queues=[queue]) == found


def test_evidence_names_the_socket_and_ends() -> None:
    (found,) = found_in(netsummary_listen_queues=[listening(11, 10)] * 20)
    assert found.message == "20 listening sockets take no more connections"
    line = "tcp 192.0.2.1:80 (netns red, 7/server): 11 wait for accept(), limit 10, 3 dropped"
    assert found.evidence == (*[line] * EVIDENCE, f"and {20 - EVIDENCE} more")


def queued(recv_q: int, send_q: int, age: float | None, stuck: str | None) -> QueuedData:
    return QueuedData(
        **WHO, state="ESTABLISHED", recv_q=recv_q, send_q=send_q, received_ago=age, acknowledged_ago=age,
        sent_ago=age, retransmits=2, stuck=stuck,
    )  # fmt: skip


def test_queued_data() -> None:
    rows = [queued(5, 6, 2.0, "both"), queued(50, 0, 3.0, "receive"), queued(7, 0, None, None)]
    found = found_in(netsummary_queues=rows)
    assert {one.kind: one.severity for one in found} == {
        "receive-queue-stuck": "warning", "send-queue-stuck": "warning", "receive-queue-filled": "info",
    }  # fmt: skip
    (stuck,) = (one for one in found if one.kind == "receive-queue-stuck")
    assert [line.rpartition(": ")[2] for line in stuck.evidence] == [
        "50 bytes, the last came 3.0 s ago",
        "5 bytes, the last came 2.0 s ago",
    ]
    assert not found_in(netsummary_queues=[queued(5, 5, 0.5, None), queued(0, 5, None, None)])


@pytest.mark.parametrize(("times", "found"), [(2, {}), (3, {"retransmits": "warning"}), (None, {})])
def test_retransmits(times: int | None, found: dict[str, str]) -> None:
    row = Retransmitting(**WHO, state="SYN_SENT", retransmits=times, probes=0, timer_left=1.0)
    assert named(netsummary_retransmitting=[row]) == found


@pytest.mark.parametrize(
    ("again", "out", "severity"),
    [
        (99, 100, None),
        (100, 10_001, None),
        (100, 10_000, "warning"),
        (100, 1000, "critical"),
        (200, 0, "critical"),
        # a counter that the dump lacks is no 0
        (200, None, None),
        (None, 100, None),
    ],
)
def test_retransmit_ratio(again: int | None, out: int | None, severity: str | None) -> None:
    counted = [
        Counter(netns="red", group="Tcp", name="RetransSegs", value=again),
        Counter(netns="red", group="Tcp", name="OutSegs", value=out),
        Counter(netns="blue", group="Tcp", name="OutSegs", value=10**9),
    ]
    found = named(snmp_counters=counted)
    assert found == ({"retransmit-ratio": severity} if severity else {})


def test_losses_by_namespace() -> None:
    counted = [
        Counter(netns="red", group="TcpExt", name="ListenDrops", value=4),
        Counter(netns="blue", group="TcpExt", name="ListenDrops", value=2),
        Counter(netns="red", group="Udp", name="RcvbufErrors", value=1),
        Counter(netns="red", group="Udp", name="InDatagrams", value=1),
        Counter(netns="red", group="TcpExt", name="TCPAbortOnMemory", value=0),
        Counter(netns="red", group="Udp", name="SndbufErrors", value=None),
    ]
    found = found_in(snmp_counters=counted)
    assert [(one.kind, one.evidence) for one in found] == [
        ("listen-drops", ("TcpExtListenDrops 4",)),
        ("listen-drops", ("TcpExtListenDrops 2",)),
        ("receive-drops", ("UdpRcvbufErrors 1",)),
    ]
    assert [is_loss(one) for one in counted] == [True, True, True, False, False, False]


def sock(**values: Any) -> Socket:
    plain: dict[str, Any] = dict.fromkeys(Socket.__struct_fields__[:15])
    return Socket(**{**plain, "proto": "udp", "family": "inet", "netns": "red", "address": 1, **values})


def test_socket_drops() -> None:
    lossy, stream, none = sock(drops=4), sock(proto="tcp6", drops=9), sock(drops=0)
    (found,) = found_in(netsummary_dropping=[stream, lossy, none])
    assert found.severity == "warning"
    assert [line.partition(" ")[0] for line in found.evidence] == ["udp", "tcp6"]
    (found,) = found_in(netsummary_dropping=[stream])
    assert found.severity == "info"
    assert not found_in(netsummary_dropping=[none, sock(state="LISTEN", proto="tcp", drops=7)])


@pytest.mark.parametrize(
    ("used", "found"),
    [(79, {}), (80, {"ports-nearly-exhausted": "warning"}), (95, {"ports-exhausted": "critical"})],
)
def test_ports(used: int, found: dict[str, str]) -> None:
    row = ports.PortUse(
        netns="red", proto="tcp", local_address="192.0.2.1", remote_address="192.0.2.9", remote_port=80,
        used=used, range_size=100,
    )  # fmt: skip
    assert named(netsummary_ports=[row]) == found


def test_shared_ports() -> None:
    shared = ports.SharedPort(
        netns="red", proto="udp", local_address="192.0.2.1", local_port=53, interface=None, socket_count=2,
        programs=("a", "b"),
    )  # fmt: skip
    (found,) = found_in(netsummary_shared_ports=[shared])
    assert (found.kind, found.severity) == ("ports-shared", "info")
    assert found.evidence == ("udp 192.0.2.1:53 (netns red): 2 sockets of a, b",)


LIMITS = Limits(max_backlog=100, budget=300, budget_seconds=0.002)


def cpu(**values: int) -> Softnet:
    counters: dict[str, Any] = dict.fromkeys(Softnet.__struct_fields__, 0)
    return Softnet(**{**counters, "processed": 1000, **values})


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (cpu(time_squeeze=10), {}),
        (cpu(time_squeeze=11), {"time-squeeze": "info"}),
        (cpu(dropped=1), {"backlog-drops": "warning"}),
        (cpu(flow_limit_count=1), {"backlog-drops": "warning"}),
        (cpu(input_queue=100), {}),
        (cpu(input_queue=101), {"backlog-full": "critical"}),
    ],
)
def test_backlogs(row: Softnet, found: dict[str, str]) -> None:
    assert named(softnet_softnet=[row], softnet_limits=[LIMITS]) == found


def using(memory: int | None, *, pressed: bool | None = False) -> ProtocolMemory:
    return ProtocolMemory(
        protocols=("TCP", "TCPv6"), allocated=3, orphans=0, memory=memory, low=10, pressure_at=20, high=30,
        under_pressure=pressed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (using(19), {}),
        (using(20), {"memory-pressure": "warning"}),
        (using(1, pressed=True), {"memory-pressure": "warning"}),
        (using(30, pressed=True), {"memory-limit": "critical"}),
        (using(None, pressed=None), {}),
    ],
)
def test_memory(row: ProtocolMemory, found: dict[str, str]) -> None:
    assert named(sockstat_memory=[row]) == found


@pytest.mark.parametrize(("held", "found"), [(99, {}), (100, {"fragment-memory": "warning"}), (None, {})])
def test_fragments(held: int | None, found: dict[str, str]) -> None:
    row = Fragments(
        netns="red", family="ip", queue_count=1, memory=held, high=100, low=50, timeout=30.0, max_distance=64
    )
    assert named(sockstat_fragments=[row]) == found


@pytest.mark.parametrize(
    ("entries", "most", "found"),
    [
        (79, 100, {}),
        (80, 100, {"conntrack-nearly-full": "warning"}),
        (95, 100, {"conntrack-full": "critical"}),
        (95, None, {}),
    ],
)
def test_tracked(entries: int, most: int | None, found: dict[str, str]) -> None:
    assert named(conntrack_counts=[Count(netns="red", entries=entries, most=most)]) == found


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("FAILED", {"neighbour-failed": "warning"}),
        ("INCOMPLETE", {"neighbour-incomplete": "info"}),
        ("REACHABLE", {}),
    ],
)
def test_neighbours(state: str, found: dict[str, str]) -> None:
    plain: dict[str, Any] = dict.fromkeys(Neighbour.__struct_fields__)
    row = Neighbour(**{**plain, "destination": "192.0.2.9", "state": state, "proxy": False, "address": 1})
    assert named(neighbours_neighbours=[row]) == found


def link(**values: Any) -> links.Link:
    plain: dict[str, Any] = dict.fromkeys(links.Link.__struct_fields__)
    plain |= {"device": "eth0", "up": True, "carrier": True, "stopped": (), "losses": {}, "operstate": "UP"}
    return links.Link(**{**plain, **values})


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (link(sent_ago=59.9), {}),
        (link(sent_ago=60.0), {"interface-silent": "info"}),
        (link(sent_ago=60.0, up=False), {}),
        (link(carrier=False, sent_ago=99.0), {"no-carrier": "info"}),
        (link(losses={"rx_dropped": 1}), {"interface-drops": "warning"}),
        (link(qdisc_drops=1), {"interface-drops": "warning"}),
        (link(timeouts=1), {"transmit-timeout": "warning"}),
        (link(stopped=("driver",), sent_ago=1.0), {"transmit-stopped": "warning"}),
        (link(stopped=("driver",), sent_ago=0.9), {}),
    ],
)
def test_links(row: links.Link, found: dict[str, str]) -> None:
    assert named(netsummary_interfaces=[row]) == found


def test_names_of_sockets_without_an_address() -> None:
    row = QueuedData(
        **{**WHO, "proto": "packet", **ends(sock()), "pid": None}, state=None, recv_q=1, send_q=0,
        received_ago=None, acknowledged_ago=None, sent_ago=None, retransmits=None, stuck=None,
    )  # fmt: skip
    assert words.who(row) == "packet (unnamed) (netns red)"
