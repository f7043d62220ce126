"""One page about the network of a dump: how many sockets of what kind, and what looks wrong.

\b
Examples:
  crashdrive report netsummary vmcore
  crashdrive report netsummary --netns red vmcore
  crashdrive report netsummary --format json vmcore

Counters count since boot. No kernel keeps when an interface last received something. The rows
behind the findings are in the tables.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from crashdrive.linux.net.counters.losses import is_loss
from crashdrive.linux.net.links import links
from crashdrive.linux.net.sockets import ports, queues
from crashdrive.linux.net.sockets.every import PROTOCOLS, sockets
from crashdrive.linux.net.sockets.rows import LISTENING, Socket, Wanted
from crashdrive.linux.net.sockets.tcp_detail import Listener, TcpDetail, kinds, tables
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Layout, Record, Report, Table
from crashdrive.reports import run_report
from crashdrive.reports.base import judged, report_of
from crashdrive.reports.net._options import NETNS

NAME = "netsummary"
SUMMARY = "One page: sockets by state, and what looks wrong with the network."
BTF = True
OPTIONS = (NETNS,)
# rules need all rows of these: options may add tables, and leave out rows of other namespaces alone
_OTHERS: dict[str, dict[str, Any]] = {
    "snmp": {},
    "softnet": {},
    "sockstat": {},
    "conntrack": {},
    "neighbours": {},
    "interfaces": {"queues": True, "qdiscs": True},
}
JUDGED = (NAME, *_OTHERS)
_UNANSWERED = frozenset({"FAILED", "INCOMPLETE"})
_FEWEST_PORTS = 16


class StateCount(Record, frozen=True):
    """How many sockets of a protocol are in a state, in a namespace."""

    netns: str | None
    proto: str
    state: str | None
    socket_count: int


class Totals(Record, frozen=True):
    """Sockets of all namespaces that were asked for.

    ``nagle_disabled``: TCP with TCP_NODELAY; ``udp_connected``: UDP and UDP-Lite with a destination;
    ``without_file``: those that no process can have open (not accepted yet, orphans, TIME_WAIT).
    """

    socket_count: int
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
    sockets_tables = _of_sockets(survey, found)
    others = _others(survey, crash, netns)
    made = [*sockets_tables, *_of_others(others, survey)]
    page = report_of(NAME, survey, (table for table in made if table.rows))
    return judged(page, "net", others.values())


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


def _of_sockets(survey: NetSurvey, found: _Sockets) -> list[Table]:
    used = ports.port_use(found.rows, found.known_ports)
    dropping = [row for row in found.rows if row.drops and row.state != "LISTEN"]
    waiting = queues.listen_queues(found.rows, found.listeners)
    return [
        _table("totals", [_totals(found)], "Sockets", layout="fields"),
        _table("states", _states(survey, found.rows), "Sockets by protocol and state"),
        _table("listen_queues", waiting, "Listening sockets with connections in queues", _LISTENING),
        _table("queues", queues.queued_data(found.rows, found.connections), "Sockets with data in queues"),
        _table("retransmitting", queues.retransmitting(found.rows), "TCP sockets that send again"),
        _table("dropping", dropping, "Sockets that dropped packets", _DROPPING),
        _table("ports", [row for row in used if _is_much(row)], "Local ports taken"),
        _table("shared_ports", ports.shared_ports(found.rows), "Ports bound several times"),
    ]


def _is_much(row: ports.PortUse) -> bool:
    """Whether enough ports of a range are taken to be shown; few of many towards one destination aren't."""
    return row.remote_address is None or row.used >= min(_FEWEST_PORTS, row.range_size / 2)


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
        StateCount(netns=netns, proto=proto, state=state, socket_count=count)
        for (netns, proto, state), count in counts.items()
    ]
    return sorted(
        made, key=lambda one: (nets.get(one.netns or "", len(nets)), protos[one.proto], -one.socket_count)
    )


def _totals(found: _Sockets) -> Totals:
    by_proto = Tally(row.proto.removesuffix("6") for row in found.rows)
    udp = [row for row in found.rows if row.proto.startswith("udp")]
    return Totals(
        socket_count=len(found.rows),
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


# tables of other reports


def _of_others(told: Mapping[str, Report], survey: NetSurvey) -> Iterator[Table]:
    """Tables that other reports computed."""
    if counted := told.get("snmp"):
        lost = [row for row in counted.table("counters").rows if is_loss(row)]
        yield _table("counters", lost, "Counters of what was lost")
    if cpus := told.get("softnet"):
        yield _table("softnet", cpus.table("softnet").rows, "Packets by CPU")
    if memory := told.get("sockstat"):
        yield _table("memory", memory.table("memory").rows, "Memory by protocol")
    if tracked := told.get("conntrack"):
        yield _table("conntrack", tracked.table("counts").rows, "Connections tracked")
    if neighbours := told.get("neighbours"):
        table = neighbours.table("neighbours")
        silent = [row for row in table.rows if not _UNANSWERED.isdisjoint(row.state.split(","))]
        yield _table("neighbours", silent, "Neighbours without an answer", table.columns)
    if interfaces := told.get("interfaces"):
        parts = [interfaces.table(name).rows for name in ("interfaces", "queues", "qdiscs")]
        rows = survey.attempt("interfaces", partial(links, *parts))
        yield _table("interfaces", rows, "Interfaces", _LINK)


_LINK = (
    "netns", "device", "operstate", "sent_ago", "stopped", "timeouts", "rx_packets", "tx_packets", "losses",
)  # fmt: skip


def _others(survey: NetSurvey, crash: Any, netns: str | None) -> dict[str, Report]:
    """Other reports by name, without those whose symbols or types this kernel lacks."""
    asked = {
        name: _ask(survey, crash, name, **options, **({} if name == "softnet" else {"netns": netns}))
        for name, options in _OTHERS.items()
    }
    return {name: report for name, report in asked.items() if report is not None}


def _ask(survey: NetSurvey, crash: Any, name: str, **options: Any) -> Report | None:
    """Another report, with its notices noted; None where this kernel lacks its symbols or types."""
    found = survey.attempt(name, lambda: [run_report(crash, name, **options)])
    for one in found:
        survey.miss(one.warnings, complete=one.complete)
    return found[0] if found else None
