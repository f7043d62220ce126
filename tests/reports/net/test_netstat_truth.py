"""netstat of real dumps, line by line and field by field against the guest's own /proc/net.

/proc/net is read a moment before the guest dies, and by then nothing moves but timers, and sockets that hear
of them. What that moment explains is named in `explained`, `test_packet` and `test_netlink`; all else must
be equal, with nothing missing and nothing invented.
"""

from __future__ import annotations

import json
import re
import socket
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import still_there

# what 0 to 13 mean in the st column of /proc/net/tcp
ST = (
    "", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
    "LAST_ACK", "LISTEN", "CLOSING", "SYN_RECV",
)  # fmt: skip
TIMERS = {"00": None, "01": "on", "02": "keepalive", "03": "timewait", "04": "probe"}
CLOCK_TICKS = 100  # of /proc, per second
# the clock tick that /proc rounds to, and jiffies
SLACK = 0.03
# a machine that panicked counts on for a moment, until its memory is written
AFTERWARDS = 0.3


class Line(NamedTuple):
    """A line of /proc/net: what tells it from others, what must be equal, what time changes."""

    key: tuple[Any, ...]
    facts: dict[str, Any]
    timer: str | None = None
    left: float | None = None


class Truth(NamedTuple):
    """A namespace's name, its folder of files, and how many seconds before the panic each was read."""

    label: str | None
    folder: Any
    panic: float
    times: dict[str, Any]
    prefix: str

    def lines(self, name: str) -> list[str]:
        """A file's lines without its header; none where the guest has no such file."""
        path = self.folder / "proc/net" / name
        return (
            path.read_bytes().decode("utf-8", "backslashreplace").split("\n")[1:-1] if path.exists() else []
        )

    def age(self, name: str) -> float:
        """How long before the panic the file was read."""
        return float(self.panic - self.times[f"{self.prefix}proc/net/{name}"]["before"])


def truths(lab: Any) -> list[Truth]:
    """The initial namespace, whose name is None, and the named ones."""
    about = json.loads((lab.folder / "dump.json").read_text())
    root = lab.folder / "truth"
    index = json.loads((root / "index.json").read_text())
    named = sorted((root / "netns").iterdir())
    return [
        Truth(None, root, about["panic_uptime"], index, ""),
        *(Truth(n.name, n, about["panic_uptime"], index, f"netns/{n.name}/") for n in named),
    ]


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    """Everything, with processes and details."""
    return Crash(lab.session, keep=False).report("netstat", all=True, processes=True, detail=True)


def rows(report: Report, truth: Truth, proto: str) -> list[Any]:
    """The report's rows of a namespace; the initial one's label is its inode number."""
    initial = next(r.netns for r in report.table("sockets").rows if r.program == "connections")
    label = truth.label or initial
    return [r for r in report.table("sockets").rows if r.netns == label and r.proto == proto]


# IPv4 and IPv6


def address(text: str) -> tuple[str, int]:
    """An address and a port as /proc/net has them: words in the machine's order."""
    host, port = text.split(":")
    raw = b"".join(bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw), int(port, 16)


def inet_line(line: str, *, stream: bool) -> Line:
    words = line.split()
    state = ST[int(words[3], 16)]
    send_q, recv_q = (int(part, 16) for part in words[4].split(":"))
    timer, when = words[5].split(":")
    facts = {
        "state": "UNCONN" if state == "CLOSE" and not stream else state,
        # the limit of an accept queue isn't in /proc; ss has it
        "send_q": None if state == "LISTEN" else send_q,
        "recv_q": recv_q,
        "uid": int(words[7]),
        "inode": int(words[9]),
        "timer": TIMERS[timer],
    }
    if stream:
        facts |= {"retransmits": int(words[6], 16), "probes": int(words[8])}
    else:
        facts |= {"drops": int(words[12]), "references": int(words[10])}
    left = int(when, 16) / CLOCK_TICKS if facts["timer"] else None
    return Line((*address(words[1]), *address(words[2]), facts["inode"]), facts, TIMERS[timer], left)


def inet_key(row: Any) -> tuple[Any, ...]:
    return (row.local_address, row.local_port, row.remote_address, row.remote_port, row.inode)


def explained(line: Line, age: float) -> bool:
    """A timer that has run out since: the socket may have gone, or sent again and be due later."""
    return line.left is not None and line.left <= age + AFTERWARDS


INET = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6"]


@pytest.mark.parametrize("proto", INET)
def test_inet(lab: Any, reported: Report, proto: str) -> None:
    for truth in truths(lab):
        told = [inet_line(line, stream=proto.startswith("tcp")) for line in truth.lines(proto)]
        found = {inet_key(row): row for row in rows(reported, truth, proto)}
        assert len(found) == len(rows(reported, truth, proto))
        age = truth.age(proto)
        assert {line.key for line in told if not explained(line, age)} <= found.keys()
        assert found.keys() <= {line.key for line in told}
        for line in told:
            if not explained(line, age):
                same(line, found[line.key], age)


def same(line: Line, row: Any, age: float) -> None:
    """Every field of a line."""
    facts = line.facts
    if facts["state"] == "LISTEN":
        facts = {**facts, "send_q": row.send_q}
    if facts["timer"] == "timewait":
        facts = {**facts, "uid": row.uid}  # /proc shows 0: such a socket has no user any more
    assert {name: getattr(row, name) for name in facts} == facts
    if line.left is not None:
        assert line.left - age - AFTERWARDS <= row.timer_left <= line.left + SLACK


def test_the_guest_has_what_makes_it_hard(lab: Any, reported: Report) -> None:
    """Else the tests above would agree about nothing."""
    found = reported.table("sockets").rows
    states = {row.state for row in found if row.proto in ("tcp", "tcp6")}
    assert states >= still_there(lab, set(ST[1:7]) | set(ST[8:12]))
    assert {row.proto for row in found} == {*INET, "unix", "packet", "netlink"}
    timers = {row.timer for row in found}
    assert still_there(lab, {one for one in TIMERS.values() if one}) <= timers <= set(TIMERS.values())
    assert {"red", "blue"} <= {row.netns for row in found}
    assert any(row.state == "LISTEN" and row.recv_q > row.send_q for row in found)


# other families


def test_unix(lab: Any, reported: Report) -> None:
    for truth in truths(lab):
        text = "\n".join(truth.lines("unix"))
        told = [unix_line(part) for part in re.split(r"\n(?=[0-9a-f]{16}: )", text) if part]
        found = sorted(unix_facts(row) for row in rows(reported, truth, "unix"))
        assert found == sorted(told)


def unix_line(text: str) -> tuple[Any, ...]:
    words = re.fullmatch(r"(\S+): (\S+) (\S+) (\S+) (\S+) (\S+) +(\d+)(?: (.*))?", text, re.DOTALL)
    assert words is not None
    listens = int(words[4], 16) & 0x10000
    state = {1: "UNCONN", 2: "CONNECTING", 3: "CONNECTED", 4: "DISCONNECTING"}[int(words[6], 16)]
    kind = {1: "stream", 2: "dgram", 5: "seqpacket"}[int(words[5], 16)]
    return (
        int(words[7]), int(words[2], 16), "LISTEN" if listens else state, kind, words[8] or "",
    )  # fmt: skip


def unix_facts(row: Any) -> tuple[Any, ...]:
    return (row.inode, row.references, row.state, row.type, row.local_address or "")


def test_packet(lab: Any, reported: Report) -> None:
    for truth in truths(lab):
        links = json.loads((truth.folder / "cmd/ip-link-json").read_text())
        interfaces = {link["ifindex"]: link["ifname"] for link in links}
        found = {row.inode: row for row in rows(reported, truth, "packet")}
        told = {int(words[8]): words for words in map(str.split, truth.lines("packet"))}
        assert found.keys() == told.keys()
        for inode, words in told.items():
            row = found[inode]
            assert (row.references, row.protocol_number, row.uid) == (
                int(words[1]),
                int(words[3], 16),
                int(words[7]),
            )
            assert row.type == {2: "dgram", 3: "raw"}[int(words[2])]
            assert row.interface == interfaces.get(int(words[4]))
            # they go on hearing what timers send
            assert int(words[6]) <= row.recv_q <= int(words[6]) + 20_000


def test_netlink(lab: Any, reported: Report) -> None:
    for truth in truths(lab):
        found = {row.inode: row for row in rows(reported, truth, "netlink")}
        told = {int(words[9]): words for words in map(str.split, truth.lines("netlink"))}
        assert found.keys() == told.keys()
        for inode, words in told.items():
            row = found[inode]
            portid = int(words[2]) & 0xFFFFFFFF  # /proc prints it with a sign
            numbers = tuple(int(words[i]) for i in (1, 5, 7, 8))
            assert (row.local_port, row.protocol_number, row.send_q, row.references, row.drops) == (
                portid,
                *numbers,
            )
            # what listens to neighbours and routes goes on hearing of them
            assert int(words[4]) <= row.recv_q <= int(words[4]) + 20_000


# who has them open


def test_owners(lab: Any, reported: Report) -> None:
    """Both ways: each socket's process has it open, and what a process has open has an owner."""
    held: dict[int, set[int]] = {}
    for path in (lab.folder / "truth/proc").glob("[0-9]*/fd"):
        for inode in re.findall(r"socket:\[(\d+)\]", path.read_text()):
            held.setdefault(int(inode), set()).add(int(path.parent.name))
    found = {row.inode: row for row in reported.table("sockets").rows if row.inode and row.pid is not None}
    for inode, row in found.items():
        assert row.pid == min(held[inode])
        comm = (lab.folder / f"truth/proc/{row.pid}/comm").read_text().rstrip("\n")
        assert row.program == comm
    everything = {row.inode for row in reported.table("sockets").rows}
    assert held.keys() & everything == found.keys()


def test_complete(lab: Any, reported: Report) -> None:
    """Sockets lie in slabs, which no filter takes away."""
    assert reported.complete or "holes" in lab.name, reported.warnings


# details


def table(report: Report, name: str) -> list[Any]:
    return list(report.table(name).rows)


def test_packet_details(lab: Any, reported: Report) -> None:
    details = {row.inode: row for row in table(reported, "packet")}
    for truth in truths(lab):
        for words in map(str.split, truth.lines("packet")):
            assert details[int(words[8])].running == bool(int(words[5]))
    for block in blocks(lab, "ss-packet"):
        inode = int(found_in(r"ino:(\d+)", block))
        fanout = re.search(r"fanout\(id:(\d+),type:(\w+)\)", block)
        row = details[inode]
        told = (int(fanout[1]), fanout[2]) if fanout else (None, None)
        assert (row.fanout, row.fanout_type) == told
        ring = re.search(r"ring_rx\(blk_size:(\d+),blk_nr:(\d+),frm_size:(\d+)", block)
        sizes = tuple(map(int, ring.groups())) if ring else (0, 0, 0)
        assert (row.ring_block_size, row.ring_blocks, row.ring_frame_size) == sizes


def test_netlink_groups(lab: Any, reported: Report) -> None:
    details = {row.inode: row for row in table(reported, "netlink")}
    masks = set()
    for truth in truths(lab):
        for words in map(str.split, truth.lines("netlink")):
            row = details[int(words[9])]
            mask = sum(1 << group - 1 for group in row.multicast_groups if group <= 32)
            assert (mask, row.dumping) == (int(words[3], 16), bool(int(words[6])))
            masks.add(mask)
    assert len(masks) > 2


def blocks(lab: Any, name: str) -> list[str]:
    """The sockets of an output of ss, each with the lines that belong to it."""
    text = (lab.folder / "truth/cmd" / name).read_bytes().decode("utf-8", "backslashreplace")
    parts = re.split(r"\n(?=[A-Za-z_][\w-]* +(?:[A-Z][A-Z-]+ +)?\d+ +\d+ )", text)
    return [re.sub(r"\s+", " ", part) for part in parts[1:]]


def found_in(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def test_unix_queues_and_peers(lab: Any, reported: Report) -> None:
    sockets = {row.inode: row for row in reported.table("sockets").rows if row.proto == "unix" and row.inode}
    details = {row.inode: row for row in table(reported, "unix") if row.inode}
    for block in blocks(lab, "ss-unix"):
        ends = re.search(r" (\d+) \* (\d+) users", block)
        if ends is None:
            continue
        inode, peer = int(ends[1]), int(ends[2])
        words = block.split()
        row = sockets[inode]
        assert (row.recv_q, row.send_q) == (int(words[2]), int(words[3])), block
        # ss shows no peer that isn't accepted yet, or that isn't connected back to it
        if peer:
            assert details[inode].peer_inode == peer
        waiting = found_in(r"peers:((?: \d+)*)", block) if "peers:" in block else ""
        queue = [w for w in reported.table("unix_accept_queues").rows if w.listener_address == row.address]
        assert sorted(w.peer_inode for w in queue) == sorted(map(int, waiting.split()))


class Told(NamedTuple):
    """A socket of ss -tie: words, ``key:value`` pairs, and its timer in seconds."""

    block: str
    words: list[str]
    pairs: dict[str, str]
    timer: float | None

    def number(self, name: str) -> int:
        return int(self.pairs.get(name, "0"))

    def seconds(self, name: str) -> float | None:
        return float(self.pairs[name]) / 1000 if name in self.pairs else None


def told_by_ss(block: str) -> Told:
    pairs = dict(re.findall(r"(?<!\S)(\w+):([^\s(]\S*)", block))
    timer = re.search(r"timer:\(\w+,(?:(\d+)min)?([\d.]+)?(sec|ms)?", block)
    return Told(block, block.split(), pairs, None if timer is None else timer_seconds(timer))


def timer_seconds(timer: re.Match[str]) -> float:
    """``14sec``, ``884ms``, ``1min20sec``, and ``9.764ms``, by which ss means seconds."""
    value = float(timer[2] or 0)
    if timer[3] == "ms" and "." not in timer[2]:
        value /= 1000
    return 60 * int(timer[1] or 0) + value


def ss_age(lab: Any, name: str) -> tuple[float, float]:
    """How long before the panic ss ran, at least and at most."""
    panic = json.loads((lab.folder / "dump.json").read_text())["panic_uptime"]
    when = json.loads((lab.folder / "truth/index.json").read_text())[f"cmd/{name}"]
    return panic - when["after"], panic - when["before"]


def test_tcp_details(lab: Any, reported: Report) -> None:
    details = {(row.local, row.remote): row for row in rows_of_initial(reported, "tcp")}
    least, most = ss_age(lab, "ss-tcp")
    compared = 0
    every = list(map(told_by_ss, blocks(lab, "ss-tcp")))
    # these have sent again, or probed, since; and their peers, in the same guest, have answered
    moved = {
        ends
        for told in every
        if told.timer is not None and told.timer <= most + AFTERWARDS
        for ends in ((told.words[3], told.words[4]), (told.words[4], told.words[3]))
    }
    for told in every:
        if told.words[0] in ("LISTEN", "TIME-WAIT", "SYN-RECV") or "mss" not in told.pairs:
            continue
        if (told.words[3], told.words[4]) in moved:
            continue
        row = details[told.words[3], told.words[4]]
        compared += 1
        for name, ours in SS_NUMBERS.items():
            assert getattr(row, ours) == told.number(name), (name, told.block)
        tcp_times(told, row)
        for name, ours in (("lastsnd", row.last_sent_ago), ("lastrcv", row.last_received_ago)):
            then = told.seconds(name)
            if ours is None:  # never: ss shows the age of the machine's counter
                assert then is None or then > 1_000_000 or ours is not None
            else:
                assert then is not None
                assert then + least - SLACK <= ours <= then + most + AFTERWARDS, (name, told.block)
    assert compared > 100


SS_NUMBERS = {
    "mss": "mss", "pmtu": "path_mtu", "rcvmss": "received_mss", "advmss": "advertised_mss", "cwnd": "cwnd",
    "backoff": "backoff", "bytes_sent": "bytes_sent", "bytes_acked": "bytes_acked",
    "bytes_received": "bytes_received", "bytes_retrans": "bytes_retransmitted", "segs_out": "segments_out",
    "segs_in": "segments_in", "data_segs_out": "data_segments_out", "data_segs_in": "data_segments_in",
    "unacked": "unacked", "lost": "lost", "sacked": "sacked", "notsent": "not_sent",
    "rcv_ssthresh": "receive_ssthresh", "delivered": "delivered",
}  # fmt: skip


def tcp_times(told: Told, row: Any) -> None:
    """What ss words in other units than whole numbers."""
    pairs, near = told.pairs, pytest.approx
    rtt, variance = pairs.get("rtt", "0/0").split("/")
    assert row.rto == near(told.seconds("rto"), abs=0.0006)
    assert (row.ato or 0) == near(told.seconds("ato") or 0, abs=0.0006)
    assert (row.rtt or 0) == near(float(rtt) / 1000, abs=2e-6)
    assert (row.rtt_variance or 0) == near(float(variance) / 1000, abs=2e-6) or row.rtt is None
    assert (row.rtt_min or 0) == near(told.seconds("minrtt") or 0, abs=2e-6)
    assert row.ssthresh == (int(pairs["ssthresh"]) if "ssthresh" in pairs else None)
    retransmitting, total = map(int, pairs.get("retrans", "0/0").split("/"))
    assert (row.retransmitting, row.total_retransmits) == (retransmitting, total)
    scales = tuple(map(int, pairs["wscale"].split(","))) if "wscale" in pairs else (None, None)
    assert (row.send_scale, row.receive_scale) == scales
    assert (row.timestamps, row.sack, row.ecn) == tuple(w in told.words for w in ("ts", "sack", "ecn"))
    assert row.congestion_control in told.words


def rows_of_initial(report: Report, name: str) -> list[Any]:
    initial = next(r.netns for r in report.table("sockets").rows if r.program == "connections")
    return [row for row in table(report, name) if row.netns == initial]


def test_listeners(lab: Any, reported: Report) -> None:
    sockets = {row.inode: row for row in reported.table("sockets").rows if row.state == "LISTEN"}
    listeners = {row.address: row for row in table(reported, "listeners")}
    waiting, half_open = table(reported, "accept_queues"), table(reported, "syn_queues")
    children = {row.address: row for row in reported.table("sockets").rows if row.inode == 0}
    told = [one for one in map(told_by_ss, blocks(lab, "ss-tcp")) if one.words[0] == "LISTEN"]
    assert len(told) > 5
    for one in told:
        row = sockets[one.number("ino")]
        listener = listeners[row.address]
        assert (row.recv_q, row.send_q) == (int(one.words[1]), int(one.words[2]))
        assert (listener.accept_queue, listener.accept_limit) == (row.recv_q, row.send_q)
        queue = [w for w in waiting if w.listener_address == row.address]
        assert len(queue) == row.recv_q
        assert {w.address for w in queue} <= children.keys()
        assert len([h for h in half_open if h.listener_address == row.address]) == listener.syn_queue
    assert any(listener.syn_queue for listener in listeners.values()) or lab.recording is None


@pytest.mark.parametrize("name", ["ss-tcp", "ss-udp", "ss-raw"])
def test_memory(lab: Any, reported: Report, name: str) -> None:
    inodes = {row.address: row.inode for row in reported.table("sockets").rows if row.inode}
    memory = {inodes[row.address]: row for row in table(reported, "buffers") if row.address in inodes}
    most = ss_age(lab, name)[1]
    compared = 0
    for told in map(told_by_ss, blocks(lab, name)):
        if not told.number("ino") or (told.timer is not None and told.timer <= most + AFTERWARDS):
            continue
        compared += 1
        row = memory[told.number("ino")]
        numbers = tuple(map(int, re.findall(r"[a-z]+(\d+)", found_in(r"skmem:\(([^)]*)\)", told.block))))
        ours = (
            row.rmem, row.rcvbuf, row.wmem, row.sndbuf, row.forward_alloc, row.wmem_queued, row.omem,
            row.backlog, row.drops,
        )  # fmt: skip
        if told.words[3].endswith(":58"):
            numbers = (row.rmem, *numbers[1:])  # goes on hearing of neighbours
        assert ours[:-1] == numbers[:-1], told.block
        # what has no room in a queue is sent again, and dropped again
        assert ours[-1] >= numbers[-1], told.block
    assert compared > 5
