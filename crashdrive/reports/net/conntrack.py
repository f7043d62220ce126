"""Connections that netfilter tracks: what /proc/net/nf_conntrack and conntrack -L show.

\b
Examples:
  crashdrive report conntrack vmcore
  crashdrive report conntrack --protocol tcp --state SYN_SENT vmcore
  crashdrive report conntrack --netns red --port 443 vmcore

Expired entries that wait for garbage collection are shown too: their timeout is negative.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from crashdrive.linux.net.netfilter.conntrack import (
    Entry,
    counts,
    every_entry,
    is_tracking,
    protocol_name,
    states_of,
)
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "conntrack"
SUMMARY = "Connections that netfilter tracks, with both directions, state and time left."
BTF = True
OPTIONS = (
    Option(name="four", flags=("-4", "--ipv4"), help="IPv4 alone."),
    Option(name="six", flags=("-6", "--ipv6"), help="IPv6 alone."),
    Option(
        name="protocol",
        flags=("-p", "--protocol"),
        help="A protocol (tcp, udp, icmp, or its number).",
        kind="text",
        many=True,
    ),
    Option(name="state", flags=("--state",), help="A state (ESTABLISHED, ...).", kind="text", many=True),
    Option(
        name="port", flags=("--port",), help="A port, of either end and direction.", kind="port", many=True
    ),
    NETNS,
)


def report(crash: Any, **asked: Any) -> Report:
    """The entries that are asked for; options by the names in `OPTIONS`."""
    asked["protocol"] = {protocol_name(word) for word in asked["protocol"]}
    asked["state"] = {word.upper() for word in asked["state"]}
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    everything = every_entry(survey)
    totals = survey.attempt("counts", partial(counts, survey, everything))
    if is_tracking(survey):
        _require(survey, asked, everything)
    rows = [row for row in everything if _wanted(row, asked)]
    return report_of(
        NAME,
        survey,
        (
            Table(name="entries", rows=rows, columns=_shown(rows)),
            Table(name="counts", rows=totals, title="Entries by namespace"),
        ),
    )


def _shown(rows: Sequence[Entry]) -> tuple[str, ...]:
    several = ("netns",) if len({row.netns for row in rows}) > 1 else ()
    return (
        "protocol", "state", "source", "source_port", "destination", "destination_port", "timeout", *several,
        "status", "reply_source", "reply_source_port", "reply_destination", "reply_destination_port",
        "icmp_type", "icmp_id", "mark", "zone", "uses", "address",
    )  # fmt: skip


def _require(survey: NetSurvey, asked: dict[str, Any], rows: Sequence[Entry]) -> None:
    """UsageError for a state that no tracker of this kernel has."""
    if asked["state"]:
        known = {state for states in states_of(survey).values() for state in states.values()}
        known |= {row.state for row in rows if row.state is not None}
        survey.require("state", sorted(asked["state"]), sorted(known))


def _wanted(row: Entry, asked: dict[str, Any]) -> bool:
    families = {name for name, flag in (("ipv4", "four"), ("ipv6", "six")) if asked[flag]}
    ports = {
        row.source_port, row.destination_port, row.reply_source_port, row.reply_destination_port,
    }  # fmt: skip
    return (
        (not families or row.family in families)
        and (not asked["protocol"] or row.protocol in asked["protocol"])
        and (not asked["state"] or row.state in asked["state"])
        and (not asked["port"] or not ports.isdisjoint(asked["port"]))
    )
