"""Findings about networks out of rows that other reports made. Nothing is read here.

The limits from which on something is found stand below, and in the text of the report ``netsummary``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

from crashdrive.linux.net.counters.snmp import Counter
from crashdrive.linux.net.counters.sockstat import Fragments, ProtocolMemory
from crashdrive.linux.net.netfilter.conntrack import Count
from crashdrive.linux.net.packets.softnet import Softnet
from crashdrive.linux.net.routing.neighbours import Neighbour
from crashdrive.linux.net.sockets.detail import endpoint
from crashdrive.linux.net.sockets.ports import PortUse, SharedPort
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.records import Address, Finding, Record, Severity

T = TypeVar("T")

STUCK = 1.0  # seconds
NEARLY_FULL = 0.9
MANY_RETRANSMITS = 3  # TCP_RETR1: from there on the kernel doubts the route
RATIO_WARNING, RATIO_CRITICAL = 0.01, 0.1
FEWEST_RETRANSMITTED = 100
PORTS_WARNING, PORTS_CRITICAL = 0.8, 0.95
TABLE_WARNING, TABLE_CRITICAL = 0.8, 0.95
SQUEEZED = 0.01
EVIDENCE = 8

# counters that count what was lost: kind of finding, what it says, groups and names
_LOSSES: tuple[tuple[str, str, frozenset[str], frozenset[str]], ...] = (
    (
        "listen-drops",
        "connections found no room in a queue since the start",
        frozenset({"TcpExt"}),
        frozenset({"ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies"}),
    ),
    (
        "receive-drops",
        "received data was dropped for lack of room since the start",
        frozenset({"TcpExt", "Udp", "Udp6", "UdpLite", "UdpLite6"}),
        frozenset(
            {
                "RcvbufErrors", "MemErrors", "TCPBacklogDrop", "TCPRcvQDrop", "RcvPruned", "OfoPruned",
                "PruneCalled", "TCPOFODrop", "PFMemallocDrop", "TCPZeroWindowDrop",
            }
        ),
    ),
    (
        "send-drops",
        "packets to be sent were dropped or had no route since the start",
        frozenset({"Udp", "Udp6", "UdpLite", "UdpLite6", "Ip", "Ip6"}),
        frozenset({"SndbufErrors", "OutDiscards", "OutNoRoutes"}),
    ),
    (
        "memory-shortage",
        "TCP ran short of memory since the start",
        frozenset({"TcpExt"}),
        frozenset({"TCPAbortOnMemory", "TCPMemoryPressures", "TCPTimeWaitOverflow"}),
    ),
)  # fmt: skip


class ListenQueue(Record, frozen=True):
    """The queues of a listening socket: ``accept_queue`` of ``accept_limit`` connections wait for accept(),
    ``syn_queue`` for the end of their handshake (None: unix sockets have no such queue). ``drops`` of
    connections that found no room.

    The kernel takes one more than the limit: the queue is full when ``accept_queue`` is greater.
    """

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    accept_queue: int | None
    accept_limit: int | None
    syn_queue: int | None
    drops: int | None
    pid: int | None
    program: str | None
    address: Address


class QueuedData(Record, frozen=True):
    """A socket with data in its queues, in bytes; a FIN counts as one.

    ``received_ago``, ``acknowledged_ago`` and ``sent_ago``: seconds since something last came, was
    acknowledged, was sent, None where the kernel doesn't keep that (TCP does); ``retransmits`` of the data
    at the head.

    ``stuck``: in this direction nothing has moved for a second or longer (``receive``, ``send``, ``both``).
    """

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    state: str | None
    recv_q: int | None
    send_q: int | None
    received_ago: float | None
    acknowledged_ago: float | None
    sent_ago: float | None
    retransmits: int | None
    stuck: str | None
    pid: int | None
    program: str | None
    address: Address


class Retransmitting(Record, frozen=True):
    """A TCP socket that sends again what nobody acknowledged, or asks a closed window (``probes``)."""

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    state: str | None
    retransmits: int | None
    probes: int | None
    timer_left: float | None
    pid: int | None
    program: str | None
    address: Address


# a row about a socket, with who has it
Held: TypeAlias = ListenQueue | QueuedData | Retransmitting


def stuck_direction(
    recv_q: int | None, send_q: int | None, ages: tuple[float | None, float | None, float | None]
) -> str | None:
    """Where data stands still, by seconds since something was received, acknowledged, sent.

    What was received last is the youngest data in the receive queue. Data to be sent stands still when it
    is neither sent nor acknowledged: an old acknowledgement alone is that of an idle connection.
    """
    received, acknowledged, sent = ages
    receiving = bool(recv_q) and received is not None and received >= STUCK
    moved = [age for age in (acknowledged, sent) if age is not None]
    sending = bool(send_q) and bool(moved) and min(moved) >= STUCK
    return "both" if receiving and sending else "receive" if receiving else "send" if sending else None


# helpers


def who(row: Held) -> str:
    """A socket in a few words, with its process where one has it."""
    return _named(row.proto, (row.local, row.remote), row.netns, row.pid, row.program)


def _named(
    proto: str, ends: Sequence[str | None], netns: str | None, pid: int | None, program: str | None
) -> str:
    # a socket that is connected to nothing has the port 0 there
    told = " -> ".join(end for end in ends if end and not end.endswith(":0")) or "(unnamed)"
    holder = f", {pid}/{program}" if pid is not None else ""
    return f"{proto} {told} (netns {netns}{holder})"


def _told(rows: Sequence[T], line: Callable[[T], str]) -> tuple[str, ...]:
    """The first rows as evidence, and how many more there are."""
    more = len(rows) - EVIDENCE
    return (*(line(row) for row in rows[:EVIDENCE]), *((f"and {more} more",) if more > 0 else ()))


def evidence(
    severity: Severity, kind: str, message: str, rows: Sequence[T], line: Callable[[T], str]
) -> Iterator[Finding]:
    """One finding for all rows; none where there are none."""
    if rows:
        text = message.format(count=len(rows))
        yield Finding(severity=severity, kind=kind, message=text, evidence=_told(rows, line))


def _grouped(rows: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return list(groups.values())


# sockets


def listen_queues(rows: Sequence[ListenQueue]) -> Iterator[Finding]:
    """Queues that are full, or nearly."""
    known = [row for row in rows if row.accept_queue and row.accept_limit is not None]
    full = [row for row in known if _queued(row) > (row.accept_limit or 0)]
    near = [row for row in known if row not in full and _queued(row) >= NEARLY_FULL * (row.accept_limit or 0)]
    syn = [row for row in rows if row.syn_queue and row.syn_queue >= (row.accept_limit or 0)]
    yield from evidence(
        "critical",
        "listen-queue-full",
        "{count} listening sockets take no more connections",
        full,
        _accepting,
    )
    yield from evidence(
        "warning", "listen-queue-nearly-full", "{count} listening sockets are nearly full", near, _accepting
    )
    yield from evidence("warning", "syn-queue-full", "{count} SYN queues are full", syn, _handshaking)


def _queued(row: ListenQueue) -> int:
    return row.accept_queue or 0


def _accepting(row: ListenQueue) -> str:
    dropped = f", {row.drops} dropped" if row.drops else ""
    return f"{who(row)}: {row.accept_queue} wait for accept(), limit {row.accept_limit}{dropped}"


def _handshaking(row: ListenQueue) -> str:
    return f"{who(row)}: {row.syn_queue} half-open connections, limit {row.accept_limit}"


def queued_data(rows: Sequence[QueuedData]) -> Iterator[Finding]:
    """Data that stands still, and data of which nobody knows how long it has been there."""
    reading = [row for row in rows if row.stuck in {"receive", "both"}]
    sending = [row for row in rows if row.stuck in {"send", "both"}]
    unknown = [row for row in rows if row.recv_q and row.received_ago is None]
    reading.sort(key=lambda row: -(row.recv_q or 0))
    sending.sort(key=lambda row: -(row.send_q or 0))
    unknown.sort(key=lambda row: -(row.recv_q or 0))
    yield from evidence(
        "warning", "receive-queue-stuck", "{count} sockets hold data that nobody reads", reading, _unread
    )
    yield from evidence(
        "warning", "send-queue-stuck", "{count} sockets can't get rid of data", sending, _unsent
    )
    yield from evidence(
        "info", "receive-queue-filled", "{count} sockets hold unread data, for an unknown time", unknown,
        lambda row: f"{who(row)}: {row.recv_q} bytes",
    )  # fmt: skip


def _unread(row: QueuedData) -> str:
    return f"{who(row)}: {row.recv_q} bytes, the last came {row.received_ago:.1f} s ago"


def _unsent(row: QueuedData) -> str:
    moved = min(age for age in (row.acknowledged_ago, row.sent_ago) if age is not None)
    return f"{who(row)}: {row.send_q} bytes, nothing moved for {moved:.1f} s, {row.retransmits} retransmits"


def retransmits(rows: Sequence[Retransmitting], counters: Sequence[Counter]) -> Iterator[Finding]:
    """Sockets that send the same again and again; namespaces in which much was sent twice."""
    many = [row for row in rows if (row.retransmits or 0) >= MANY_RETRANSMITS]
    message = f"{{count}} TCP sockets have sent the same {MANY_RETRANSMITS} times or more without an answer"
    yield from evidence(
        "warning",
        "retransmits",
        message,
        many,
        lambda row: f"{who(row)}, {row.state}: {row.retransmits} times",
    )
    for group in _grouped((one for one in counters if one.group == "Tcp"), lambda one: one.netns):
        yield from _ratio(group)


def _ratio(group: Sequence[Counter]) -> Iterator[Finding]:
    """RetransSegs to OutSegs of a namespace; OutSegs has none of what was retransmitted."""
    value = {one.name: one.value or 0 for one in group}
    again, out = value.get("RetransSegs", 0), value.get("OutSegs", 0)
    if again < FEWEST_RETRANSMITTED or again < RATIO_WARNING * out:
        return
    yield Finding(
        severity="critical" if again >= RATIO_CRITICAL * out else "warning",
        kind="retransmit-ratio",
        message=f"much of what TCP sent was sent again (netns {group[0].netns})",
        evidence=(f"TcpRetransSegs {again}", f"TcpOutSegs {out}"),
    )


def socket_drops(rows: Sequence[Socket]) -> Iterator[Finding]:
    """Sockets that dropped what they received. Much of what TCP drops, its peer sends again."""
    dropping = sorted((row for row in rows if row.drops and row.state != "LISTEN"), key=_drops)
    lossy = any(not row.proto.startswith("tcp") for row in dropping)
    yield from evidence(
        "warning" if lossy else "info", "socket-drops", "{count} sockets dropped packets", dropping,
        lambda row: f"{_socket(row)}: {row.drops} dropped",
    )  # fmt: skip


def _drops(row: Socket) -> tuple[bool, int]:
    return row.proto.startswith("tcp"), -(row.drops or 0)


def _socket(row: Socket) -> str:
    ends = [endpoint(row.local_address, row.local_port), endpoint(row.remote_address, row.remote_port)]
    return _named(row.proto, ends, row.netns, row.pid, row.program)


# ports


def ports(rows: Sequence[PortUse], shared: Sequence[SharedPort]) -> Iterator[Finding]:
    """Ranges of local ports that are used up, or nearly; ports that several sockets have."""
    used_up = [row for row in rows if row.used >= _most(row, PORTS_CRITICAL)]
    nearly = [row for row in rows if row not in used_up and row.used >= _most(row, PORTS_WARNING)]
    yield from evidence("critical", "ports-exhausted", "{count} ranges of ports are used up", used_up, _use)
    yield from evidence(
        "warning", "ports-nearly-exhausted", "{count} ranges of ports are nearly used up", nearly, _use
    )
    yield from evidence("info", "ports-shared", "{count} ports are bound several times", shared, _shared)


def _most(row: PortUse, part: float) -> float:
    return part * row.available


def _use(row: PortUse) -> str:
    towards = endpoint(row.remote_address, row.remote_port)
    way = f"{row.local_address} -> {towards}" if towards is not None else "all sockets"
    return f"{row.proto} {way} (netns {row.netns}): {row.used} of {row.available} ports"


def _shared(row: SharedPort) -> str:
    where = endpoint(row.local_address, row.local_port)
    return f"{row.proto} {where} (netns {row.netns}): {row.sockets} sockets of {', '.join(row.programs)}"


# counters


def is_loss(counter: Counter) -> bool:
    """Whether a counter says that something was lost."""
    return bool(counter.value) and any(
        counter.group in groups and counter.name in names for _, _, groups, names in _LOSSES
    )


def losses(counters: Sequence[Counter]) -> Iterator[Finding]:
    """Counters of what was lost, by namespace."""
    for kind, message, groups, names in _LOSSES:
        lost = [one for one in counters if one.value and one.group in groups and one.name in names]
        for rows in _grouped(lost, lambda one: one.netns):
            evidence = tuple(f"{one.group}{one.name} {one.value}" for one in rows)
            said = f"{message} (netns {rows[0].netns})"
            yield Finding(severity="warning", kind=kind, message=said, evidence=evidence)


def backlogs(rows: Sequence[Softnet], longest: int | None) -> Iterator[Finding]:
    """CPUs that dropped packets, that often ran out of time for them, or whose backlog is full."""
    dropped = [row for row in rows if row.dropped or row.flow_limit_count]
    squeezed = [row for row in rows if (row.time_squeeze or 0) > SQUEEZED * max(row.processed or 0, 1)]
    full = [row for row in rows if longest and (row.input_queue or 0) > longest]
    yield from evidence(
        "warning", "backlog-drops", "{count} CPUs dropped packets that came in", dropped,
        lambda row: f"cpu {row.cpu}: {row.dropped} dropped, {row.flow_limit_count or 0} by the flow limit",
    )  # fmt: skip
    yield from evidence(
        "critical", "backlog-full", "{count} CPUs take no more packets", full,
        lambda row: f"cpu {row.cpu}: {row.input_queue} packets wait, limit {longest}",
    )  # fmt: skip
    yield from evidence(
        "info", "time-squeeze", "{count} CPUs often had no time for all packets", squeezed,
        lambda row: f"cpu {row.cpu}: {row.time_squeeze} times, {row.processed} packets",
    )  # fmt: skip


# memory and tables


def memory(rows: Sequence[ProtocolMemory], fragments: Sequence[Fragments]) -> Iterator[Finding]:
    """Protocols above their limits (tcp_mem, udp_mem), fragments above theirs."""
    over = [row for row in rows if _above(row.memory, row.high)]
    pressed = [
        row for row in rows if row not in over and (row.under_pressure or _above(row.memory, row.pressure_at))
    ]
    yield from evidence("critical", "memory-limit", "{count} protocols get no more memory", over, _takes)
    yield from evidence(
        "warning", "memory-pressure", "{count} protocols are short of memory", pressed, _takes
    )
    yield from evidence(
        "warning", "fragment-memory", "fragments take all memory that they may ({count} times)",
        [row for row in fragments if _above(row.memory, row.high)],
        lambda row: f"{row.family} (netns {row.netns}): {row.memory} bytes, limit {row.high}",
    )  # fmt: skip


def _above(value: int | None, limit: int | None) -> bool:
    return value is not None and limit is not None and limit > 0 and value >= limit


def _takes(row: ProtocolMemory) -> str:
    limits = f"low {row.low}, pressure {row.pressure_at}, high {row.high}"
    return f"{', '.join(row.protocols)}: {row.memory} bytes of {row.allocated} sockets ({limits})"


def tracked(rows: Sequence[Count]) -> Iterator[Finding]:
    """Tables of connection tracking that are full, or nearly; the limit holds for each namespace."""
    known = [row for row in rows if row.most]
    full = [row for row in known if row.entries >= TABLE_CRITICAL * (row.most or 0)]
    near = [row for row in known if row not in full and row.entries >= TABLE_WARNING * (row.most or 0)]
    yield from evidence("critical", "conntrack-full", "connection tracking is full", full, _entries)
    yield from evidence(
        "warning", "conntrack-nearly-full", "connection tracking is nearly full", near, _entries
    )


def _entries(row: Count) -> str:
    return f"netns {row.netns}: {row.entries} entries, limit {row.most}"


def neighbour_failures(rows: Sequence[Neighbour]) -> Iterator[Finding]:
    """Neighbours that don't answer."""
    failed = [row for row in rows if "FAILED" in row.state.split(",")]
    asked = [row for row in rows if "INCOMPLETE" in row.state.split(",")]
    yield from evidence("warning", "neighbour-failed", "{count} neighbours don't answer", failed, _neighbour)
    yield from evidence(
        "info", "neighbour-incomplete", "{count} neighbours are being asked", asked, _neighbour
    )


def _neighbour(row: Neighbour) -> str:
    waiting = f", {row.queued_packets} packets wait" if row.queued_packets else ""
    return f"{row.destination} on {row.device} (netns {row.netns}), {row.probes} probes{waiting}"
