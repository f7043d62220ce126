"""Network counters of /proc/net/snmp, snmp6, netstat and xfrm_stat, also in the words of netstat -s.

\b
Examples:
  crashdrive report snmp vmcore              all counters of all namespaces
  crashdrive report snmp -z vmcore           those that counted anything
  crashdrive report snmp -g Tcp -g TcpExt --netns red vmcore
  crashdrive report snmp -s --netns init vmcore     as netstat -s has them

nstat's name of a counter is its group and its name together (TcpExtListenDrops).
Names come out of the kernel's own tables.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from crashdrive.linux.net.counters.netstat_words import netstat_lines
from crashdrive.linux.net.counters.snmp import Counter, every_counter, groups_of
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Record, Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "snmp"
SUMMARY = "Network counters of all namespaces: IP, ICMP, TCP, UDP and their extensions."
BTF = True
OPTIONS = (
    Option(name="words", flags=("-s", "--netstat"), help="In the words of netstat -s."),
    Option(name="nonzero", flags=("-z", "--nonzero"), help="Counters that counted anything alone."),
    Option(
        name="group",
        flags=("-g", "--group"),
        help="A group of counters (Ip, Icmp, Tcp, Udp, Ip6, TcpExt, ...).",
        kind="text",
        many=True,
    ),
    NETNS,
)


class Line(Record, frozen=True):
    """A line of ``netstat -s`` for a namespace."""

    netns: str
    text: str


def report(crash: Any, **asked: Any) -> Report:
    """The counters that are asked for; options by the names in `OPTIONS`."""
    groups = groups_of(asked["group"])
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    rows = every_counter(survey, groups)
    table = _worded(rows) if asked["words"] else _counters(rows, nonzero=asked["nonzero"])
    return report_of(NAME, survey, (table,))


def _counters(rows: Sequence[Counter], *, nonzero: bool) -> Table:
    some = [row for row in rows if row.value != 0] if nonzero else rows
    shown = ("group", "name", "value") if len({row.netns for row in some}) < 2 else ()
    return Table(name="counters", rows=some, columns=shown)


def _worded(rows: Sequence[Counter]) -> Table:
    lines = [
        Line(netns=netns, text=text)
        for netns, some in groupby(rows, key=lambda row: row.netns)
        for text in netstat_lines(some)
    ]
    several = ("netns",) if len({line.netns for line in lines}) > 1 else ()
    return Table(name="lines", rows=lines, columns=(*several, "text"), layout="lines")
