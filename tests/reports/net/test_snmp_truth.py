"""Counters of real dumps against the guest's /proc/net/snmp, snmp6, netstat and xfrm_stat."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import Namespace, bound, namespaces, recorded

# what timers go on doing until the machine stops: retransmits, keepalives, and the router solicitations
# and multicast reports of IPv6, each with what the other end of a veth pair or of the loopback makes of it:
# a listener whose queue is full counts each retransmit that it drops, and a socket that gets a segment twice
# counts an acknowledgement that was lost (and tells the sender, who counts that: DSACK)
MOVING = re.compile(
    r"(Ip|IpExt|Ip6)(In|Out)?(Receives|Requests|Delivers|Transmits|McastPkts|BcastPkts|NoECTPkts|Discards)"
    r"|(IpExt|Ip6)(In|Out)(Mcast|Bcast)?Octets"
    r"|Icmp6?(Msg)?(In|Out)(Msgs|Errors|DestUnreachs|Type\d+|Router\w+|Neighbor\w+|MLDv2Reports)"
    r"|Tcp(In|Out|Retrans)Segs"
    r"|TcpExt(TCPTimeouts|TCPLostRetransmit|TCPSynRetrans|TCPKeepAlive|TCPWinProbe|TCPRetransFail|TW|"
    r"TCPLossProbes|TCPPureAcks|DelayedACKs|DelayedACKLost|TCPDSACK\w+|TCPDelivered|ListenOverflows|ListenDrops)"
)
MOST = 40
LONGEST = 1500
# the guest has no file with them
UNSEEN = {"Tls"}


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("snmp")


def told(truth: Namespace) -> dict[str, int]:
    """Word -> number, words as nstat has them."""
    found: dict[str, int] = {}
    for name in ("snmp", "netstat"):
        lines = truth.text(name).splitlines()
        for head, values in zip(lines[::2], lines[1::2], strict=True):
            group, *words = head.split()
            pairs = zip(words, values.split()[1:], strict=True)
            found |= {group.removesuffix(":") + word: int(value) for word, value in pairs}
    for name in ("snmp6", "xfrm_stat"):
        found |= {word: int(value) for word, value in map(str.split, truth.text(name).splitlines())}
    return found


def test_every_counter(lab: Any, reported: Report) -> None:
    for truth in namespaces(lab):
        rows = [row for row in reported.table("counters").rows if row.netns == truth.label]
        ours = {row.group + row.name: row.value for row in rows if row.group not in UNSEEN}
        theirs = told(truth)
        assert len(theirs) > 390
        # a type of message that came in the last moment has a line of its own
        new = {word for word in ours.keys() - theirs.keys() if re.search(r"Type\d+$", word)}
        assert ours.keys() - new == theirs.keys()
        slower = bound(lab, 1.0, max(1.0, truth.age("snmp")[1]))
        for word, value in theirs.items():
            if MOVING.fullmatch(word):
                most = MOST * slower * (LONGEST if word.endswith("Octets") else 1)
                assert value <= ours[word] <= value + most, word
            else:
                assert ours[word] == value, word


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings


def spelled(lines: list[str]) -> list[tuple[str, str, int]]:
    """(group, line without its number, number) of the lines of netstat -s."""
    found: list[tuple[str, str, int]] = []
    group = ""
    for line in lines:
        if re.fullmatch(r"\w+:", line):
            group = line
        # the number is the only word of digits alone
        number = re.search(r"(?<!\w)\d+(?!\w)", line)
        found.append((group, re.sub(r"(?<!\w)\d+(?!\w)", "#", line), int(number[0]) if number else 0))
    return found


def test_words_of_netstat(lab: Any) -> None:
    """Line by line in its order; what counted something only after netstat looked is a line more."""
    report = Crash(lab.session, keep=False).report("snmp", words=True)
    for truth in namespaces(lab):
        four = recorded(truth.folder, "cmd/netstat-s").read_text().splitlines()
        six = recorded(truth.folder, "cmd/netstat-s6").read_text().splitlines()
        told = spelled([*four, *six[: six.index("Tcp:")]])
        ours = spelled([row.text for row in report.table("lines").rows if row.netns == truth.label])
        rest = iter(ours)
        for group, line, number in told:
            found = next((one for one in rest if one[:2] == (group, line)), None)
            assert found is not None, (group, line)
            gauge = "connections established" in line
            assert gauge or number <= found[2] <= number + MOST * LONGEST, (group, line)
        assert len(ours) - len(told) < MOST
