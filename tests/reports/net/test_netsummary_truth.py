"""The page about the network against the guest's own /proc/net, and what the guest did on purpose."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Finding, Report
from tests.reports.guest_truth import bound, namespaces, settings
from tests.reports.net.test_netstat_truth import Line, explained, inet_line, truths, unix_line

INET = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6")


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("netsummary")


@pytest.fixture(scope="module")
def sockets(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("netstat", all=True, processes=True, detail=True)


def counted(report: Report, label: str, proto: str) -> dict[str, int]:
    return {
        row.state: row.socket_count
        for row in report.table("states").rows
        if (row.netns, row.proto) == (label, proto)
    }


def finding(report: Report, kind: str) -> Finding:
    (found,) = (one for one in report.findings if one.kind == kind)
    return found


@pytest.mark.parametrize("proto", INET)
def test_sockets_by_state(lab: Any, reported: Report, proto: str) -> None:
    """A socket whose timer has run out since may be in another state, or gone."""
    timed = every = 0
    for truth, namespace in zip(truths(lab), namespaces(lab), strict=True):
        lines: list[Line] = [inet_line(line, stream=proto.startswith("tcp")) for line in truth.lines(proto)]
        moved = [line for line in lines if explained(line, truth.age(proto))]
        told = Counter(line.facts["state"] for line in lines if line not in moved)
        found = counted(reported, namespace.label, proto)
        timed, every = timed + len(moved), every + len(lines)
        assert not moved or lab.recording is None or len(moved) < len(lines) / 2
        assert set(told) <= set(found)
        for state, count in found.items():
            assert told[state] <= count <= told[state] + len(moved), state
    assert not timed or timed < every / 2


def test_unix_sockets_by_state(lab: Any, reported: Report) -> None:
    for truth, namespace in zip(truths(lab), namespaces(lab), strict=True):
        text = "\n".join(truth.lines("unix"))
        parts = [unix_line(part) for part in re.split(r"\n(?=[0-9a-f]{16}: )", text) if part]
        assert counted(reported, namespace.label, "unix") == Counter(part[2] for part in parts)


def test_totals(lab: Any, reported: Report, sockets: Report) -> None:
    (totals,) = reported.table("totals").rows
    everything = sockets.table("sockets").rows
    assert (
        totals.socket_count
        == len(everything)
        == sum(row.socket_count for row in reported.table("states").rows)
    )
    blocks = (lab.folder / "truth/cmd/ss-udp").read_bytes().decode("utf-8", "backslashreplace")
    assert totals.udp_connected >= len(re.findall(r"^ESTAB ", blocks, re.MULTILINE)) > 0
    assert totals.nagle_disabled == sum(bool(row.nodelay) for row in sockets.table("tcp").rows) > 0
    # netlink and packet sockets have a file each, or belong to the kernel
    assert 0 < totals.without_file < totals.socket_count


def test_full_accept_queue(lab: Any, reported: Report) -> None:
    """The guest's program "full queue" never accepts what comes to port 8002."""
    found = finding(reported, "listen-queue-full")
    assert found.severity == "critical"
    assert len(found.evidence) == 2
    for line in found.evidence:
        assert re.search(
            r":8002 \(netns init, \d+/full queue\): 2 wait for accept\(\), limit 1, \d+ dropped$", line
        )
    full = [row for row in reported.table("listen_queues").rows if row.accept_queue > row.accept_limit]
    assert [row.program for row in full] == ["full queue", "full queue"]
    half_open = [row for row in reported.table("listen_queues").rows if row.program == "half open"]
    # half-open connections are given up after 63 s
    assert [row.syn_queue for row in half_open] == [3, 3] or (lab.recording is None and len(half_open) <= 2)


def test_every_listening_socket_with_a_queue(reported: Report, sockets: Report) -> None:
    listed = {
        row.address: (row.accept_queue, row.accept_limit) for row in reported.table("listen_queues").rows
    }
    filled = [row for row in sockets.table("sockets").rows if row.state == "LISTEN" and row.recv_q]
    assert {row.address: (row.recv_q, row.send_q) for row in filled}.items() <= listed.items()


def test_stuck_queues(reported: Report, sockets: Report) -> None:
    """The guest's program "queues" sends to itself until nothing fits, and reads nothing."""
    for way, column in (("receive", "recv_q"), ("send", "send_q")):
        assert any("/queues)" in line for line in finding(reported, f"{way}-queue-stuck").evidence)
        stuck = [row for row in reported.table("queues").rows if row.stuck in {way, "both"}]
        assert max(getattr(row, column) for row in stuck) > 50_000
    filled = {
        row.address: (row.recv_q, row.send_q, row.pid)
        for row in sockets.table("sockets").rows
        if row.state not in {"LISTEN", "SYN_SENT"} and (row.recv_q or row.send_q)
    }
    assert filled == {row.address: (row.recv_q, row.send_q, row.pid) for row in reported.table("queues").rows}


def test_retransmits(lab: Any, reported: Report, sockets: Report) -> None:
    found = finding(reported, "retransmits")
    assert found.severity == "warning"
    assert "half open" in " ".join(row.program or "" for row in reported.table("retransmitting").rows)
    again = {row.address for row in sockets.table("sockets").rows if row.retransmits or row.probes}
    assert {row.address for row in reported.table("retransmitting").rows} == again
    words = iter(namespaces(lab)[0].text("snmp").splitlines())
    tables = {
        line.split()[0]: dict(zip(line.split()[1:], next(words).split()[1:], strict=True)) for line in words
    }
    told = int(tables["Tcp:"]["RetransSegs"])
    if told >= 100:
        name, value = finding(reported, "retransmit-ratio").evidence[0].split()
        assert name == "TcpRetransSegs"
        assert told <= int(value) <= told + 50


def test_losses(reported: Report) -> None:
    assert any(
        line.startswith("TcpExtListenOverflows ") for line in finding(reported, "listen-drops").evidence
    )
    assert any(line.startswith("UdpRcvbufErrors ") for line in finding(reported, "receive-drops").evidence)
    assert any("/udp): " in line for line in finding(reported, "socket-drops").evidence)
    assert "udp" in {row.program for row in reported.table("dropping").rows}


def test_neighbours(lab: Any, reported: Report) -> None:
    silent = {(row.netns, row.destination) for row in reported.table("neighbours").rows}
    told = set()
    for namespace in namespaces(lab):
        lines = (namespace.folder / "cmd/ip-neigh").read_text().splitlines()
        told |= {(namespace.label, line.split()[0]) for line in lines if line.split()[-1] == "FAILED"}
    # a failed one without use may have been given up since
    rows = Crash(lab.session, keep=False).report("neighbours").table("neighbours").rows
    there = told & {(row.netns, row.destination) for row in rows}
    assert bound(lab, told, there) <= silent
    assert told & silent


def test_local_ports(lab: Any, reported: Report) -> None:
    low, high = map(int, settings(lab)["net.ipv4.ip_local_port_range"].split())
    initial = namespaces(lab)[0].label
    rows = [row for row in reported.table("ports").rows if row.netns == initial]
    assert rows
    assert {row.range_size for row in rows} == {high - low + 1}
    assert all(0 < row.used <= row.range_size for row in rows)


def test_nothing_that_is_not_there(reported: Report) -> None:
    """The guest has neither used up its ports nor its memory, nor its table of connections."""
    kinds = {one.kind for one in reported.findings}
    assert kinds.isdisjoint(
        {"ports-exhausted", "ports-nearly-exhausted", "memory-limit", "memory-pressure", "conntrack-full",
         "conntrack-nearly-full", "backlog-full", "syn-queue-full"}
    )  # fmt: skip


def test_one_namespace(lab: Any, reported: Report) -> None:
    red = Crash(lab.session, keep=False).report("netsummary", netns="red")
    alone = [row for row in reported.table("states").rows if row.netns == "red"]
    rows = red.table("states").rows
    assert len(rows) == len(alone)
    assert set(rows) == set(alone)
    assert "listen-queue-full" not in {one.kind for one in red.findings}


def test_interfaces(lab: Any, reported: Report) -> None:
    rows = {(row.netns, row.device): row for row in reported.table("interfaces").rows}
    flags: dict[tuple[str, str], list[str]] = {}
    for namespace in namespaces(lab):
        for link in json.loads((namespace.folder / "cmd/ip-link-json").read_text()):
            flags[(namespace.label, link["ifname"])] = link["flags"]
    assert {key: ("UP" in told, "LOWER_UP" in told) for key, told in flags.items()} == {
        key: (rows[key].up, rows[key].carrier) for key in flags
    }
    dead = sorted(device for (_, device), told in flags.items() if "UP" in told and "LOWER_UP" not in told)
    assert sorted(line.split()[0] for line in finding(reported, "no-carrier").evidence) == dead
    assert "tun0" in dead
    # of the guest's own interfaces only its virtio one notes when it sent
    initial = namespaces(lab)[0]
    sent = [
        device for (label, device), row in rows.items() if label == initial.label and row.sent_ago is not None
    ]
    assert sent == ["eth0"]
    assert 0 <= rows[(initial.label, "eth0")].sent_ago <= initial.panic


def test_complete(reported: Report) -> None:
    """Drivers' own counters are read, too."""
    assert reported.complete, reported.warnings
