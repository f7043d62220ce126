"""One page about the network of a dump: how many sockets of what kind, and what looks wrong.

\b
Examples:
  crashdrive report netsummary vmcore
  crashdrive report netsummary --netns red vmcore
  crashdrive report netsummary --format json vmcore

\b
What is found, and from where on:
  listen queue full          more connections wait for accept() than the limit
  listen queue nearly full   90 % of the limit
  SYN queue full             as many half-open ones as the limit
  stuck queues               TCP: data, and nothing has moved for 1 s
  retransmits                3 times the same without an answer
  retransmit ratio           100 RetransSegs, 1 % of OutSegs (10 %: critical)
  local ports                80 % of ip_local_port_range (95 %: critical)
  memory                     above tcp_mem's, udp_mem's 2nd (3rd: critical)
  connection tracking        80 % of nf_conntrack_max (95 %: critical)
  drops, failed neighbours   any, also interfaces without a carrier
  time squeeze               1 % of a CPU's packets
  silent interfaces          nothing sent for 60 s, where that is known

Counters are those since the start. No kernel keeps when an interface last received something. The rows
behind the findings are in the tables.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from crashdrive.linux.net.counters.snmp import Counter
from crashdrive.linux.net.sockets import ports
from crashdrive.linux.net.sockets.detail import ends
from crashdrive.linux.net.sockets.every import PROTOCOLS, sockets
from crashdrive.linux.net.sockets.rows import LISTENING, Socket, Wanted
from crashdrive.linux.net.sockets.tcp_detail import Listener, TcpDetail, kinds, tables
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Finding, Layout, Record, Report, Table
from crashdrive.reports import run_report
from crashdrive.reports.base import report_of
from crashdrive.reports.net import _findings as findings
from crashdrive.reports.net._findings import ListenQueue, QueuedData, Retransmitting
from crashdrive.reports.net._links import link_findings, links
from crashdrive.reports.net._options import NETNS

NAME = "netsummary"
SUMMARY = "One page: sockets by state, and what looks wrong with the network."
BTF = True
OPTIONS = (NETNS,)
_GROUPS = ("Ip", "Tcp", "Udp", "UdpLite", "TcpExt", "Ip6", "Udp6", "UdpLite6")
_RANK = {"critical": 0, "warning": 1, "info": 2}
# towards one destination fewer than this are no reason to look
_FEWEST_PORTS = 16


class StateCount(Record, frozen=True):
    """How many sockets of a protocol are in a state, in a namespace."""

    netns: str | None
    proto: str
    state: str | None
    sockets: int


class Totals(Record, frozen=True):
    """Sockets of all namespaces that were asked for.

    ``nagle_disabled``: TCP with TCP_NODELAY; ``udp_connected``: UDP and UDP-Lite with a destination;
    ``without_file``: those that no process can have open (not accepted yet, orphans, TIME_WAIT).
    """

    sockets: int
    tcp: int
    nagle_disabled: int
    udp: int
    udp_connected: int
    raw: int
    unix: int
    packet: int
    netlink: int
    without_file: int


class _Sockets(NamedTuple):
    rows: Sequence[Socket]
    connections: Sequence[TcpDetail]
    listeners: Sequence[Listener]
    known_ports: dict[str, ports.Range]


def report(crash: Any, **asked: Any) -> Report:
    """The page; options by the names in `OPTIONS`."""
    netns = asked["netns"]
    survey = NetSurvey.of(crash.kernel, netns)
    found = _sockets(survey)
    parts = [_of_sockets(survey, found), *_of_others(survey, crash, netns)]
    all_findings = [one for _, found_here in parts for one in found_here]
    return report_of(
        NAME,
        survey,
        tuple(table for tables_here, _ in parts for table in tables_here if table.rows),
        tuple(sorted(all_findings, key=lambda one: _RANK[one.severity])),
    )


# sockets


def _sockets(survey: NetSurvey) -> _Sockets:
    wanted = Wanted(frozenset(PROTOCOLS), listening=True, connected=True)
    rows = sockets(survey, wanted, processes=True)
    tcp = [row for row in rows if row.proto in {"tcp", "tcp6"}]
    detail = {table.name: table.rows for table in survey.attempt("TCP", partial(_detail, survey, tcp))}
    known = dict(survey.attempt("ranges of local ports", lambda: ports.ranges(survey).items()))
    return _Sockets(rows, detail.get("tcp", ()), detail.get("listeners", ()), known)


def _detail(survey: NetSurvey, tcp: Sequence[Socket]) -> Iterator[Table]:
    """Connections and listening sockets alone; what waits in queues is for netstat -e."""
    made = tables(survey, tcp, kinds(survey, tcp))
    for table in made:
        yield table
        if table.name == "listeners":
            return


_Part = tuple[list[Table], list[Finding]]


def _of_sockets(survey: NetSurvey, found: _Sockets) -> _Part:
    queues = _listen_queues(found)
    data = _queued(found)
    again = _retransmitting(found.rows)
    used, shared = ports.port_use(found.rows, found.known_ports), ports.shared_ports(found.rows)
    dropping = [row for row in found.rows if row.drops and row.state != "LISTEN"]
    shown = [row for row in used if row.remote_address is None or row.used >= _FEWEST_PORTS]
    made = [
        _table("totals", [_totals(found)], "Sockets", layout="fields"),
        _table("states", _states(survey, found.rows), "Sockets by protocol and state"),
        _table("listen_queues", queues, "Listening sockets with connections in queues", _LISTENING),
        _table("queues", data, "Sockets with data in queues"),
        _table("retransmitting", again, "TCP sockets that send again"),
        _table("dropping", dropping, "Sockets that dropped packets", _DROPPING),
        _table("ports", shown, "Local ports taken"),
        _table("shared_ports", shared, "Ports bound several times"),
    ]
    looked = (
        findings.listen_queues(queues),
        findings.queued_data(data),
        findings.retransmits(again, ()),
        findings.socket_drops(dropping),
        findings.ports(used, shared),
    )
    return made, [one for each in looked for one in each]


_LISTENING = (
    "proto", "local", "accept_queue", "accept_limit", "syn_queue", "drops", "pid", "program", "netns",
    "address",
)  # fmt: skip
_DROPPING = (
    "proto", "local_address", "local_port", "remote_address", "remote_port", "drops", "recv_q", "pid",
    "program", "netns", "address",
)  # fmt: skip


def _table(
    name: str, rows: Sequence[Any], title: str, columns: tuple[str, ...] = (), *, layout: Layout = "rows"
) -> Table:
    return Table(name=name, rows=rows, title=title, columns=columns, layout=layout)


def _states(survey: NetSurvey, rows: Sequence[Socket]) -> list[StateCount]:
    """Namespaces in their order, protocols as they come, the most frequent state first."""
    counts = Tally((row.netns, row.proto, row.state) for row in rows)
    nets = {label: at for at, label in enumerate(survey.labels.values())}
    protos = {proto: at for at, proto in enumerate(dict.fromkeys(proto for _, proto, _ in counts))}
    made = [
        StateCount(netns=netns, proto=proto, state=state, sockets=count)
        for (netns, proto, state), count in counts.items()
    ]
    return sorted(
        made, key=lambda one: (nets.get(one.netns or "", len(nets)), protos[one.proto], -one.sockets)
    )


def _totals(found: _Sockets) -> Totals:
    by_proto = Tally(row.proto.removesuffix("6") for row in found.rows)
    udp = [row for row in found.rows if row.proto.startswith("udp")]
    return Totals(
        sockets=len(found.rows),
        tcp=by_proto["tcp"],
        nagle_disabled=sum(bool(row.nodelay) for row in found.connections),
        udp=len(udp),
        udp_connected=sum(row.state not in LISTENING for row in udp),
        raw=by_proto["raw"] + by_proto["icmp"],
        unix=by_proto["unix"],
        packet=by_proto["packet"],
        netlink=by_proto["netlink"],
        without_file=sum(row.inode == 0 for row in found.rows),
    )


def _held(row: Socket) -> dict[str, Any]:
    """What tells a socket, and who has it."""
    names = ("proto", "netns", "pid", "program", "address")
    return ends(row) | {name: getattr(row, name) for name in names}


def _listen_queues(found: _Sockets) -> list[ListenQueue]:
    """Those that aren't empty or were full once, the fullest first."""
    more = {one.address: one for one in found.listeners}
    made: list[ListenQueue] = []
    for row in found.rows:
        if row.state != "LISTEN":
            continue
        listener = more.get(row.address)
        queue = ListenQueue(
            **_held(row), accept_queue=row.recv_q, accept_limit=row.send_q,
            syn_queue=listener.syn_queue if listener else None, drops=row.drops,
        )  # fmt: skip
        if queue.accept_queue or queue.syn_queue or queue.drops:
            made.append(queue)
    return sorted(made, key=lambda one: -(one.accept_queue or 0) / ((one.accept_limit or 0) + 1))


def _queued(found: _Sockets) -> list[QueuedData]:
    """Sockets with anything in their queues, those that stand still first."""
    more = {one.address: one for one in found.connections}
    made: list[QueuedData] = []
    for row in found.rows:
        # the one byte of a socket that is connecting is its SYN
        if row.state in {"LISTEN", "SYN_SENT"} or not (row.recv_q or row.send_q):
            continue
        one = more.get(row.address)
        ages = (one.last_received_ago, one.last_ack_ago, one.last_sent_ago) if one else (None, None, None)
        made.append(
            QueuedData(
                **_held(row), state=row.state, recv_q=row.recv_q, send_q=row.send_q,
                received_ago=ages[0], acknowledged_ago=ages[1], sent_ago=ages[2],
                retransmits=row.retransmits, stuck=findings.stuck_direction(row.recv_q, row.send_q, ages),
            )
        )  # fmt: skip
    return sorted(made, key=lambda one: (one.stuck is None, -(one.recv_q or 0) - (one.send_q or 0)))


def _retransmitting(rows: Sequence[Socket]) -> list[Retransmitting]:
    names = ("state", "retransmits", "probes", "timer_left")
    made = [
        Retransmitting(**_held(row), **{name: getattr(row, name) for name in names})
        for row in rows
        if row.proto in {"tcp", "tcp6"} and (row.retransmits or row.probes)
    ]
    return sorted(made, key=lambda one: -(one.retransmits or 0))


# what other reports know


def _of_others(survey: NetSurvey, crash: Any, netns: str | None) -> Iterator[_Part]:
    chosen = {"netns": netns}
    if counted := _ask(survey, crash, "snmp", group=_GROUPS, nonzero=True, **chosen):
        yield _counters(counted.table("counters").rows)
    if told := _ask(survey, crash, "softnet"):
        limit = next((one.max_backlog for one in told.table("limits").rows), None)
        cpus = told.table("softnet").rows
        yield [_table("softnet", cpus, "Packets by CPU")], list(findings.backlogs(cpus, limit))
    if told := _ask(survey, crash, "sockstat", **chosen):
        memory, fragments = told.table("memory").rows, told.table("fragments").rows
        yield [_table("memory", memory, "Memory by protocol")], list(findings.memory(memory, fragments))
    if told := _ask(survey, crash, "conntrack", **chosen):
        counts = told.table("counts").rows
        yield [_table("conntrack", counts, "Connections tracked")], list(findings.tracked(counts))
    if told := _ask(survey, crash, "neighbours", state=("FAILED", "INCOMPLETE"), **chosen):
        silent = told.table("neighbours")
        shown = _table("neighbours", silent.rows, "Neighbours without an answer", silent.columns)
        yield [shown], list(findings.neighbour_failures(silent.rows))
    if told := _ask(survey, crash, "interfaces", queues=True, qdiscs=True, **chosen):
        rows = survey.attempt("interfaces", partial(links, told))
        yield [_table("interfaces", rows, "Interfaces", _LINK)], list(link_findings(rows))


_LINK = (
    "netns",
    "device",
    "operstate",
    "sent_ago",
    "stopped",
    "timeouts",
    "rx_packets",
    "tx_packets",
    "lost",
)


def _counters(rows: Sequence[Counter]) -> _Part:
    lost = [row for row in rows if findings.is_loss(row)]
    found = [*findings.retransmits((), rows), *findings.losses(lost)]
    return [_table("counters", lost, "Counters of what was lost")], found


def _ask(survey: NetSurvey, crash: Any, name: str, **options: Any) -> Report | None:
    """Another report, its notices noted; None where this kernel lacks what it starts from."""
    found = survey.attempt(name, lambda: [run_report(crash, name, **options)])
    for one in found:
        survey.miss(one.warnings, complete=one.complete)
    return found[0] if found else None
