"""Sockets by protocol and their memory against /proc/net/sockstat, sockstat6, protocols and sysctl."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import Namespace, bound, namespaces, recorded, settings

# what /proc/net/sockstat calls protocols, and what they are called elsewhere
NAMES = {
    "TCP": "TCP", "UDP": "UDP", "UDPLITE": "UDP-Lite", "RAW": "RAW",
    "TCP6": "TCPv6", "UDP6": "UDPv6", "UDPLITE6": "UDPLITEv6", "RAW6": "RAWv6",
}  # fmt: skip
PAGE = 4096


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("sockstat")


def facts(text: str) -> dict[str, dict[str, int]]:
    """``TCP: inuse 1 orphan 2`` by its words."""
    return {
        name: {word: int(value) for word, value in re.findall(r"(\w+) (-?\d+)", rest)}
        for name, _, rest in (line.partition(":") for line in text.splitlines())
    }


def ending(truth: Namespace) -> int:
    """How many sockets in TIME_WAIT may have ended since the guest counted them."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in truth.text(name).splitlines()[1:]]
    left = [int(words[5].partition(":")[2], 16) / 100 for words in lines if words[3] == "06"]
    return sum(seconds <= truth.age("tcp")[1] + 1 for seconds in left)


def test_sockstat(lab: Any, reported: Report) -> None:
    memory = {row.protocols[0]: row for row in reported.table("memory").rows}
    for truth in namespaces(lab):
        told = facts(truth.text("sockstat")) | facts(truth.text("sockstat6"))
        assert told.keys() == {"sockets", "FRAG", "FRAG6", *NAMES}
        (usage,) = [row for row in reported.table("usage").rows if row.netns == truth.label]
        # the guest's own reader of these files may have been one more
        assert told["sockets"]["used"] == usage.used
        assert 0 <= told["TCP"]["tw"] - usage.time_wait <= bound(lab, 0, ending(truth))
        in_use = {r.protocol: r.in_use for r in reported.table("protocols").rows if r.netns == truth.label}
        assert {name: in_use[NAMES[name]] for name in NAMES} == {name: told[name]["inuse"] for name in NAMES}
        tcp, udp = memory["TCP"], memory["UDP"]
        assert (tcp.orphans, tcp.allocated) == (told["TCP"]["orphan"], told["TCP"]["alloc"])
        assert (tcp.memory, udp.memory) == (told["TCP"]["mem"] * PAGE, told["UDP"]["mem"] * PAGE)
        for family, name in (("ip", "FRAG"), ("ip6", "FRAG6")):
            rows = reported.table("fragments").rows
            (row,) = [row for row in rows if (row.netns, row.family) == (truth.label, family)]
            assert (row.queue_count, row.memory) == (told[name]["inuse"], told[name]["memory"])


def test_protocols(lab: Any, reported: Report) -> None:
    memory = {name: row for row in reported.table("memory").rows for name in row.protocols}
    for truth in namespaces(lab):
        lines = [line.split() for line in truth.text("protocols").splitlines()[1:]]
        told = {words[0]: int(words[2]) for words in lines}
        rows = [row for row in reported.table("protocols").rows if row.netns == truth.label]
        assert {row.protocol: row.in_use for row in rows} == told
        for name, _, _, pages, pressed, *_ in lines:
            if pages == "-1":
                assert name not in memory
            else:
                row = memory[name]
                assert (row.memory, row.under_pressure or False) == (int(pages) * PAGE, pressed == "yes")


def test_limits(lab: Any, reported: Report) -> None:
    told = settings(lab)
    memory = {row.protocols[0]: row for row in reported.table("memory").rows}
    for name, setting in (("TCP", "net.ipv4.tcp_mem"), ("UDP", "net.ipv4.udp_mem")):
        row = memory[name]
        assert [row.low, row.pressure_at, row.high] == [int(pages) * PAGE for pages in told[setting].split()]
    initial = namespaces(lab)[0].label
    for family, start, time in (
        ("ip", "net.ipv4.ipfrag_", "time"),
        ("ip6", "net.ipv6.ip6frag_", "time"),
        ("ip6-conntrack", "net.netfilter.nf_conntrack_frag6_", "timeout"),
    ):
        rows = reported.table("fragments").rows
        (row,) = [row for row in rows if (row.netns, row.family) == (initial, family)]
        limits = [int(told[start + name]) for name in ("high_thresh", "low_thresh", time)]
        assert [row.high, row.low, row.timeout] == limits


def test_fragments_that_connection_tracking_holds(lab: Any, reported: Report) -> None:
    """No file has them: the guest sent one piece of one packet, in its initial namespace."""
    recorded(lab.folder, "truth/cmd/netstat-s")  # by the first guest that sends it
    rows = {row.netns: row for row in reported.table("fragments").rows if row.family == "ip6-conntrack"}
    assert rows.keys() >= {truth.label for truth in namespaces(lab)}
    initial = namespaces(lab)[0].label
    assert {label: row.queue_count for label, row in rows.items()} == {
        label: int(label == initial) for label in rows
    }
    assert all(bool(row.memory) == (label == initial) for label, row in rows.items())


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
