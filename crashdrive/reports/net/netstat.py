"""Sockets of the whole system, as netstat and ss show them.

\b
Examples:
  crashdrive report netstat vmcore           connections
  crashdrive report netstat -lt vmcore       listening TCP sockets
  crashdrive report netstat -ap vmcore       all sockets and who has them open
  crashdrive report netstat -at --netns red --port 443 vmcore
  crashdrive report netstat -te vmcore       TCP in all detail

Without -a or -l: sockets that are connected. The queues of a listening socket
are connections that wait to be accepted, and how many may.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

import socket as names_of
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from crashdrive.choices import no_such
from crashdrive.linux.net.devices.devices import device_names
from crashdrive.linux.net.sockets import (
    detail,
    other_detail,
    tcp_detail,
)
from crashdrive.linux.net.sockets.every import sockets
from crashdrive.linux.net.sockets.rows import OTHER_STATES, TCP_STATES, Socket, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "netstat"
SUMMARY = "Sockets of all families, protocols and network namespaces."
BTF = True
OPTIONS = (
    Option(name="all", flags=("-a", "--all"), help="Listening and unconnected sockets too."),
    Option(name="listening", flags=("-l", "--listening"), help="Listening and unconnected sockets alone."),
    Option(name="numeric", flags=("-n", "--numeric"), help="Numbers for ports (the default)."),
    Option(name="tcp", flags=("-t", "--tcp"), help="TCP."),
    Option(name="udp", flags=("-u", "--udp"), help="UDP and UDP-Lite."),
    Option(name="raw", flags=("-w", "--raw"), help="Raw and ping sockets."),
    Option(name="unix", flags=("-x", "--unix"), help="Unix sockets."),
    Option(name="packet", flags=("-0", "--packet"), help="Packet sockets."),
    Option(name="netlink", flags=("-N", "--netlink"), help="Netlink sockets."),
    Option(name="four", flags=("-4", "--ipv4"), help="IPv4 alone."),
    Option(name="six", flags=("-6", "--ipv6"), help="IPv6 alone."),
    Option(
        name="processes",
        flags=("-p", "--processes"),
        help="Which process has each socket open.",
        fills=("pid", "program"),
    ),
    Option(
        name="detail",
        flags=("-e", "--extend"),
        help="More tables: buffers, windows, timers, round trips, queues with their entries, peers, groups.",
    ),
    Option(
        name="timers", flags=("-o", "--timers"), help="Each socket's timer, what is left of it, retransmits."
    ),
    Option(
        name="state", flags=("--state",), help="A state (LISTEN, TIME_WAIT, ...).", kind="text", many=True
    ),
    Option(name="port", flags=("--port",), help="A port, local or remote.", kind="port", many=True),
    Option(name="program", flags=("--program",), help="Sockets that this program has open.", kind="text"),
    Option(name="pid", flags=("--pid",), help="Sockets that this process has open.", kind="integer"),
    Option(name="interface", flags=("--interface",), help="Sockets bound to this interface.", kind="text"),
    NETNS,
    Option(name="retrans_only", flags=("--retrans-only",), help="TCP sockets that are retransmitting."),
    Option(name="names", flags=("--names",), help="Services' names too, as this host knows them."),
)
_INET = {"tcp": ("tcp",), "udp": ("udp", "udplite"), "raw": ("raw", "icmp")}
_STATES = frozenset({*TCP_STATES.values(), *OTHER_STATES})
_MEANT = {
    "ESTAB": ("ESTABLISHED", "CONNECTED"),
    "LISTENING": ("LISTEN",),
    "UNCONNECTED": ("UNCONN",),
    "CLOSED": ("CLOSE",),
    "FIN_WAIT_1": ("FIN_WAIT1",),
    "FIN_WAIT_2": ("FIN_WAIT2",),
}


_EXACT = ("program", "pid", "interface")


class NamedSocket(Socket, frozen=True, gc=False):
    """A socket with the names of its ports' services, None where this host knows none."""

    local_service: str | None = None
    remote_service: str | None = None


def report(crash: Any, **asked: Any) -> Report:
    """The sockets that are asked for; options by the names in `OPTIONS`."""
    kernel = crash.kernel
    states = _states(asked["state"])
    survey = NetSurvey.of(kernel, asked["netns"])
    wanted = _wanted(asked, states)
    # peers of unix sockets are shown whatever state they are in
    sought = (
        Wanted(wanted.protos, listening=True, connected=True)
        if asked["detail"] and wanted.any_of("unix")
        else wanted
    )
    processes = asked["processes"] or asked["program"] is not None or asked["pid"] is not None
    everything = sockets(survey, sought, processes=processes)
    _require(survey, asked, everything)
    rows = _filtered(everything, asked, states, wanted)
    tables = [
        _table(rows, processes=processes, timers=asked["detail"] or asked["timers"], names=asked["names"])
    ]
    if asked["detail"]:
        tables += _details(survey, rows, {row.address: row for row in everything if row.proto == "unix"})
    return report_of(NAME, survey, tables)


def _wanted(asked: dict[str, Any], states: frozenset[str]) -> Wanted:
    # a state that is asked for is shown, also where the default leaves it out
    everything = asked["all"] or bool(states)
    return Wanted(_protos(asked), everything or asked["listening"], everything or not asked["listening"])


def _protos(asked: dict[str, Any]) -> frozenset[str]:
    """Protocols by -t -u -w -x -0 -N -4 -6: all without any of these, those of IP with -4 or -6 alone."""
    one_family = asked["four"] or asked["six"]
    others = [name for name in ("unix", "packet", "netlink") if asked[name]]
    inet = [proto for name, protos in _INET.items() if asked[name] for proto in protos]
    if not inet and not others:
        inet = [proto for protos in _INET.values() for proto in protos]
        others = [] if one_family else ["unix", "packet", "netlink"]
    elif not inet and one_family:
        inet = [proto for protos in _INET.values() for proto in protos]
    four = inet if asked["four"] or not asked["six"] else []
    six = [proto + "6" for proto in inet] if asked["six"] or not asked["four"] else []
    return frozenset([*four, *six, *others])


def _states(words: Sequence[str]) -> frozenset[str]:
    """States by the words of netstat and ss, in any case; UsageError for others."""
    states: set[str] = set()
    for word in words:
        plain = word.upper().replace("-", "_")
        meant = _MEANT.get(plain, (plain,))
        if not _STATES.issuperset(meant):
            raise no_such("state", word, sorted(_STATES))
        states.update(meant)
    return frozenset(states)


def _filtered(
    rows: list[Socket], asked: dict[str, Any], states: frozenset[str], wanted: Wanted
) -> list[Socket]:
    tests: list[Callable[[Socket], bool]] = []
    if not (wanted.listening and wanted.connected):
        tests.append(lambda row: wanted.state(row.state))
    if states:
        tests.append(lambda row: row.state in states)
    if ports := frozenset(asked["port"]):
        tests.append(lambda row: row.local_port in ports or row.remote_port in ports)
    tests += [partial(_has, name, asked[name]) for name in _EXACT if asked[name] is not None]
    if asked["retrans_only"]:
        tests.append(lambda row: bool(row.retransmits))
    return [row for row in rows if all(test(row) for test in tests)] if tests else rows


def _require(survey: NetSurvey, asked: dict[str, Any], rows: Sequence[Socket]) -> None:
    """UsageError for an interface, a process or a program that isn't in the dump; one without sockets is
    none.
    """
    if asked["interface"] is not None:
        gone = (row.interface for row in rows if row.interface is not None)
        survey.require("interface", [asked["interface"]], [*device_names(survey), *gone])
    if asked["pid"] is None and asked["program"] is None:
        return
    tasks = for_each_task(survey.kernel, threads=False)
    survey.walked(tasks, "processes")
    columns = survey.gaps(tasks.read(["tgid", "comm"]), "processes")
    for name, what, column in (("pid", "process", "tgid"), ("program", "program", "comm")):
        if asked[name] is not None:
            survey.require(what, [asked[name]], [one for one in columns[column] if one is not None])


def _has(name: str, value: object, row: Socket) -> bool:
    return bool(getattr(row, name) == value)


def _details(survey: NetSurvey, rows: Sequence[Socket], peers: dict[int, Socket]) -> list[Table]:
    """Tables about the sockets that are shown, empty ones left out."""
    of = {proto: [row for row in rows if row.proto == proto] for proto in {row.proto for row in rows}}
    tcp_rows = [*of.get("tcp", ()), *of.get("tcp6", ())]
    udp_rows = [row for row in rows if row.proto.startswith("udp")]
    kinds = tcp_detail.kinds(survey, tcp_rows)
    whole = [row for row in rows if kinds.get(row.address) not in tcp_detail.SMALL]
    tables = (
        *tcp_detail.tables(survey, tcp_rows, kinds),
        *other_detail.udp_table(survey, udp_rows),
        *other_detail.unix_tables(survey, of.get("unix", ()), peers),
        *other_detail.packet_table(survey, of.get("packet", ())),
        *other_detail.netlink_table(survey, of.get("netlink", ())),
        detail.buffers(survey, whole),
    )
    return [table for table in tables if table.rows]


def _table(rows: Sequence[Socket], *, processes: bool, timers: bool, names: bool) -> Table:
    # a narrow terminal leaves the last ones out
    shown = ["proto", "state", "local_address", "local_port", "remote_address", "remote_port"]
    if names:
        rows = _named(rows)
        shown += ["local_service", "remote_service"]
    if processes:
        shown += ["pid", "program"]
    shown += ["recv_q", "send_q"]
    if timers:
        shown += ["timer", "timer_left", "retransmits"]
    shown += [
        name
        for name in ("interface", "protocol_number")
        if any(getattr(row, name) is not None for row in rows)
    ]
    if len({row.netns for row in rows}) > 1:
        shown.append("netns")
    return Table(name="sockets", rows=rows, columns=(*shown, "inode", "uid", "address"))


def _named(rows: Sequence[Socket]) -> list[NamedSocket]:
    ports = {
        (_transport(row.proto), port) for row in rows for port in (row.local_port, row.remote_port) if port
    }
    known = dict(zip(ports, (_service(*port) for port in ports), strict=True))
    return [
        NamedSocket(
            **{name: getattr(row, name) for name in row.__struct_fields__},
            local_service=known.get((_transport(row.proto), row.local_port or 0)),
            remote_service=known.get((_transport(row.proto), row.remote_port or 0)),
        )
        for row in rows
    ]


def _transport(proto: str) -> str | None:
    """The protocol under which services are registered; None for a protocol without ports."""
    plain = proto.removesuffix("6").removesuffix("lite")
    return plain if plain in {"tcp", "udp"} else None


def _service(transport: str | None, port: int) -> str | None:
    try:
        return names_of.getservbyport(port, transport) if transport else None
    except (OSError, OverflowError):
        return None
