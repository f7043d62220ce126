r"""Neighbours: entries of ARP and NDP, as ip neigh shows them.

\b
Examples:
  crashdrive report neighbours vmcore
  crashdrive report neighbours -4 --netns red vmcore
  crashdrive report neighbours --state failed --state incomplete vmcore

Without -a, entries that need no resolution (NOARP: multicast, loopback) are left out, as in ip neigh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from crashdrive.choices import no_such
from crashdrive.linux.net.devices.devices import device_names
from crashdrive.linux.net.routing.neighbours import STATES, Neighbour, neighbours, proxies
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "neighbours"
SUMMARY = "ARP and NDP entries with state, age and probes; addresses answered for others."
BTF = True
OPTIONS = (
    Option(name="four", flags=("-4", "--ipv4"), help="IPv4 alone."),
    Option(name="six", flags=("-6", "--ipv6"), help="IPv6 alone."),
    Option(name="all", flags=("-a", "--all"), help="Entries that need no resolving too."),
    Option(
        name="state", flags=("--state",), help="A state (reachable, failed, ...).", kind="text", many=True
    ),
    Option(name="device", flags=("--device",), help="An interface.", kind="text"),
    NETNS,
)
_KEPT = frozenset({"extern_learn"})


def report(crash: Any, **asked: Any) -> Report:
    """The neighbours that are asked for; options by the names in `OPTIONS`."""
    states = _states(asked["state"])
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    both = asked["four"] == asked["six"]
    found: list[Neighbour] = []
    for family, wanted in (("inet", asked["four"]), ("inet6", asked["six"])):
        if both or wanted:
            found += survey.attempt(f"{family} neighbours", partial(neighbours, survey, family))
            found += survey.attempt(f"{family} proxies", partial(proxies, survey, family))
    if asked["device"] is not None:
        survey.require("interface", [asked["device"]], device_names(survey))
    return report_of(NAME, survey, (_table(survey, _filtered(found, asked, states)),))


def _states(words: Sequence[str]) -> frozenset[str]:
    states = frozenset(word.upper() for word in words)
    if unknown := states - set(STATES.values()):
        raise no_such("state", min(unknown), sorted(STATES.values()))
    return states


def _filtered(found: list[Neighbour], asked: dict[str, Any], states: frozenset[str]) -> list[Neighbour]:
    tests: list[Callable[[Neighbour], bool]] = []
    if states:
        tests.append(lambda row: not states.isdisjoint(row.state.split(",")))
    elif not asked["all"]:
        tests.append(lambda row: row.proxy or row.state != "NOARP" or not _KEPT.isdisjoint(row.flags))
    if asked["device"] is not None:
        tests.append(lambda row: row.device == asked["device"])
    return [row for row in found if all(test(row) for test in tests)]


def _table(survey: NetSurvey, rows: Sequence[Neighbour]) -> Table:
    several = ("netns",) if len(survey.chosen) > 1 else ()
    shown = ("destination", "device", "mac", "state", "flags", "probes", "used_ago", "confirmed_ago")
    return Table(name="neighbours", rows=rows, columns=(*several, *shown, "updated_ago", "address"))
