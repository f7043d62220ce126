r"""Routing tables, rules and nexthop objects, as iproute2 shows them.

\b
Examples:
  crashdrive report routing vmcore            ip route show table all
  crashdrive report routing -6 --table main --netns red vmcore
  crashdrive report routing --rules --nexthops vmcore
  crashdrive report routing --cache vmcore    ip route show table all cached
  crashdrive report routing --classic vmcore  netstat -r

Records (json, csv) have every field, and the text too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from crashdrive.linux.net.routing import fib6, fib_trie
from crashdrive.linux.net.routing.fib_rules import rules
from crashdrive.linux.net.routing.iproute import route_lines
from crashdrive.linux.net.routing.nexthops import Shared, objects
from crashdrive.linux.net.routing.proc_route import classic_routes
from crashdrive.linux.net.routing.route_exceptions import exceptions
from crashdrive.linux.net.routing.routes import table_name, table_names
from crashdrive.linux.net.routing.rows import Route
from crashdrive.linux.net.rt_names import TABLES
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "routing"
SUMMARY = "Routes of all tables, policy rules, nexthop objects and exceptions, of all network namespaces."
BTF = True
OPTIONS = (
    Option(name="four", flags=("-4", "--ipv4"), help="IPv4 alone."),
    Option(name="six", flags=("-6", "--ipv6"), help="IPv6 alone."),
    Option(name="table", flags=("--table",), help="A table: main, local, default, or a number.", kind="text"),
    NETNS,
    Option(name="details", flags=("-d", "--details"), help="All words, as ip -d prints them."),
    Option(name="classic", flags=("--classic",), help="The main table as netstat -r prints it."),
    Option(name="rules", flags=("--rules",), help="Policy rules too."),
    Option(name="nexthops", flags=("--nexthops",), help="Nexthop objects too."),
    Option(
        name="cache",
        flags=("--cache",),
        help="Exceptions to routes too: redirects and path MTUs that were learnt.",
    ),
    Option(name="all", flags=("-a", "--all"), help="Routes, rules, nexthop objects and exceptions."),
)


def report(crash: Any, **asked: Any) -> Report:
    """The routes that are asked for; options by the names in `OPTIONS`."""
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    shared: dict[int, Shared] = {}
    survey.attempt("nexthop objects", lambda: [shared.update(objects(survey))])
    found = _routes(survey, asked, shared)
    tables = [_classic(survey, found) if asked["classic"] else _route_table(survey, found, asked["details"])]
    if asked["rules"] or asked["all"]:
        tables.append(_rule_table(survey, asked))
    if asked["nexthops"] or asked["all"]:
        rows = [one.row for one in shared.values()]
        tables.append(_text_table(survey, "nexthops", rows, "Nexthop objects"))
    if asked["cache"] or asked["all"]:
        learnt = survey.attempt(
            "exceptions to routes", partial(exceptions, survey, found, shared, details=asked["details"])
        )
        tables.append(_text_table(survey, "exceptions", learnt, "Exceptions to routes"))
    return report_of(NAME, survey, tables)


def _families(asked: dict[str, Any]) -> list[str]:
    both = asked["four"] == asked["six"]
    return [name for name, wanted in (("inet", asked["four"]), ("inet6", asked["six"])) if both or wanted]


_READERS: dict[str, tuple[str, Callable[..., list[Route]]]] = {
    "inet": ("IPv4 routes", fib_trie.routes),
    "inet6": ("IPv6 routes", fib6.routes),
}


def _routes(survey: NetSurvey, asked: dict[str, Any], shared: dict[int, Shared]) -> list[Route]:
    found: list[Route] = []
    for family in _families(asked):
        what, read = _READERS[family]
        found += survey.attempt(what, partial(read, survey, shared))
    if asked["table"] is None:
        return found
    wanted = _table_word(asked["table"])
    known: set[str] = {*TABLES.values(), *(route.table for route in found)}
    if wanted not in known:
        for family in _families(asked):
            known.update(survey.attempt("routing tables", partial(table_names, survey, family)))
        there = sorted(known, key=_place)
        survey.require("table", [wanted], there)
    return [route for route in found if route.table == wanted]


def _place(name: str) -> tuple[bool, int, str]:
    """Names come before numbers, and these in their order."""
    return name.isdecimal(), len(name), name


def _table_word(word: str) -> str:
    """A table's number as its name where it has one."""
    try:
        return table_name(int(word, 0))
    except ValueError:
        return word


def _route_table(survey: NetSurvey, found: Sequence[Route], details: bool) -> Table:  # noqa: FBT001 # passed on
    rows = [msgspec.structs.replace(route, lines=route_lines(route, details=details)) for route in found]
    return _text_table(survey, "routes", rows, "Routes")


def _rule_table(survey: NetSurvey, asked: dict[str, Any]) -> Table:
    rows = [
        rule
        for family in _families(asked)
        for rule in survey.attempt("rules", partial(rules, survey, family, details=asked["details"]))
    ]
    return _text_table(survey, "rules", rows, "Rules", "text")


def _text_table(
    survey: NetSurvey, name: str, rows: Sequence[Any], title: str, column: str = "lines"
) -> Table:
    """Lines as iproute2 prints them, each after its namespace where there are several."""
    several = len(survey.chosen) > 1
    return Table(
        name=name,
        rows=rows,
        columns=("netns", column) if several else (column,),
        layout="lines",
        title=title if name != "routes" else None,
    )


def _classic(survey: NetSurvey, found: Sequence[Route]) -> Table:
    rows = classic_routes(found)
    names = ("destination", "gateway", "genmask", "flags", "metric", "device", "mss", "window", "irtt_msec")
    several = ("netns",) if len(survey.chosen) > 1 else ()
    return Table(name="routes", rows=rows, columns=(*several, *names))
