"""Connections that netfilter follows against /proc/net/nf_conntrack and conntrack -L."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import Namespace, bound, namespaces, settings, still_there

# /proc rounds down to seconds, and the machine goes on for a moment after its panic
SLACK = 1.3
# of a slow guest: how far its ticks, by which entries time out, are behind its clock
BEHIND = 0.5
# of a slow guest: how many packets of a connection may wait in a queue of a neighbour
WAITING = 3
# of a slow guest: connections that send something again. An entry that had been collected is made anew, and
# one in TIME_WAIT has its whole time before it again.
RETRANSMITTED = 4
PORTED = {"tcp", "udp", "udplite"}


class Line(NamedTuple):
    """A line of /proc/net/nf_conntrack."""

    key: tuple[Any, ...]
    state: str | None
    timeout: int
    flags: set[str]
    mark: int
    zone: int
    use: int


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("conntrack")


def line(text: str) -> Line:
    words = text.split()
    family, protocol, number, timeout = words[0], words[2], words[3], int(words[4])
    state = words[5] if re.fullmatch(r"[A-Z_0-9]+", words[5]) else None
    pairs = [(name, value) for name, _, value in (word.partition("=") for word in words) if value]
    tail = dict(pairs)
    ends: list[Any] = []
    for name, value in pairs:
        if name in ("src", "dst"):
            ends.append(str(ipaddress.ip_address(value)))
        elif name in ("sport", "dport", "type", "code", "id"):
            ends.append(int(value))
    key = (family, number if protocol == "unknown" else protocol, *ends)
    flags = set(re.findall(r"\[(\w+)\]", text))
    return Line(key, state, timeout, flags, int(tail["mark"]), int(tail["zone"]), int(tail["use"]))


def key(row: Any) -> tuple[Any, ...]:
    there = (row.source, row.destination, row.source_port, row.destination_port)
    back = (row.reply_source, row.reply_destination, row.reply_source_port, row.reply_destination_port)
    if row.protocol in PORTED:
        return (row.family, row.protocol, *there, *back)
    if row.protocol in ("icmp", "icmpv6"):
        asked = (row.icmp_type, row.icmp_code, row.icmp_id)
        answered = (row.reply_icmp_type, row.reply_icmp_code, row.reply_icmp_id)
        return (row.family, row.protocol, *there[:2], *asked, *back[:2], *answered)
    assert (there[2:], back[2:]) == ((None, None), (None, None))
    return (row.family, row.protocol, *there[:2], *back[:2])


def rows_of(reported: Report, truth: Namespace) -> dict[tuple[Any, ...], Any]:
    rows = [row for row in reported.table("entries").rows if row.netns == truth.label]
    assert len({key(row) for row in rows}) == len(rows)
    return {key(row): row for row in rows}


def test_every_entry(lab: Any, reported: Report) -> None:
    seen: set[Any] = set()
    for truth in namespaces(lab):
        told = {one.key: one for one in map(line, truth.text("nf_conntrack").splitlines())}
        found = rows_of(reported, truth)
        least, most = truth.age("nf_conntrack")
        # collected since, or about to be
        gone = {one.key for one in told.values() if one.timeout <= most + SLACK}
        assert told.keys() - gone <= found.keys()
        late = {where for where, row in found.items() if row.timeout < 0}
        again = found.keys() - late - told.keys() - new(found)
        assert {found[where].protocol for where in again} <= {"tcp"}
        least -= bound(lab, 0.0, BEHIND)
        renewed = {where for where in told.keys() & found.keys() if anew(told[where], found[where], least)}
        assert {(found[where].protocol, found[where].state) for where in renewed} <= {("tcp", "TIME_WAIT")}
        assert len(again | renewed) <= bound(lab, 0, RETRANSMITTED)
        for where in told.keys() & found.keys():
            same(told[where], found[where], most)
            # the reader of /proc holds one more; a packet that waits for its neighbour holds one, too
            waits = 0 if "ASSURED" in told[where].flags else bound(lab, 0, WAITING)
            assert abs(found[where].uses - (told[where].use - 1)) <= waits
            seen |= {told[where].state, where[1], *told[where].flags}
    wanted = {"tcp", "udp", "udplite", "icmp", "icmpv6", "2", "ESTABLISHED", "SYN_RECV", "TIME_WAIT"}
    assert seen >= still_there(lab, wanted)
    assert seen >= {"ASSURED", "UNREPLIED"}


def new(found: dict[tuple[Any, ...], Any]) -> set[tuple[Any, ...]]:
    """Router solicitations and multicast reports, which timers send at any time."""
    return {
        where for where in found if where[1] in ("2", "icmpv6") and where[3] in ("224.0.0.22", "ff02::16")
    }


def anew(told: Line, row: Any, least: float) -> bool:
    """Whether the time of an entry that only packets prolong was started anew."""
    return told.state in (None, "ESTABLISHED", "TIME_WAIT") and row.timeout > told.timeout + 1 - least


def same(told: Line, row: Any, most: float) -> None:
    assert (row.state, row.mark, row.zone) == (told.state, told.mark, told.zone), told
    assert ("UNREPLIED" in told.flags) == ("SEEN_REPLY" not in row.status)
    assert ("ASSURED" in told.flags) == ("ASSURED" in row.status)
    assert "CONFIRMED" in row.status
    assert told.timeout - most - SLACK <= row.timeout, told


def test_conntrack_command(lab: Any, reported: Report) -> None:
    """netlink's words for the same, a little earlier."""
    initial = namespaces(lab)[0]
    found = {where[1:] for where in rows_of(reported, initial)}
    commands = [f"cmd/{name}" for name in ("conntrack", "conntrack-ipv6")]
    texts = [(lab.folder / "truth" / command).read_text() for command in commands]
    # what the command says on stderr runs into some of its lines, and into the names at their beginnings
    words = "tcp|udp|udplite|icmp|icmpv6|unknown"
    lines = re.findall(rf"^(?:{words}) +\d+ \d+ .*? src=.* use=\d+$", "\n".join(texts), re.MULTILINE)
    assert len(lines) > 20
    told = {key_of_command(one): one for one in lines}
    # collected since, or about to be: on a slow guest that is long ago
    most = max(initial.age_of(command)[1] for command in commands)
    gone = {where for where, one in told.items() if int(one.split()[2]) <= most + SLACK}
    assert told.keys() - gone
    assert told.keys() - gone <= found


def key_of_command(text: str) -> tuple[Any, ...]:
    return line(f"any 0 {text} zone=0").key[1:]


def test_counts(lab: Any, reported: Report) -> None:
    counts = {row.netns: row for row in reported.table("counts").rows}
    for truth in namespaces(lab):
        rows = rows_of(reported, truth)
        assert (counts[truth.label].entries if rows else 0) == len(rows)
    assert {row.most for row in counts.values()} == {int(settings(lab)["net.netfilter.nf_conntrack_max"])}


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
