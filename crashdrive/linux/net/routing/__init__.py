"""Routes, rules and neighbours as rows; next hops and exceptions are in modules of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crashdrive.linux.net.routing import fib6, fib_trie
from crashdrive.linux.net.routing import neighbours as tables
from crashdrive.linux.net.routing.fib_rules import Rule, rules
from crashdrive.linux.net.routing.neighbours import Neighbour
from crashdrive.linux.net.routing.nexthops import Shared, objects
from crashdrive.linux.net.routing.rows import Route
from crashdrive.linux.net.survey import NetSurvey

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Reading

__all__ = ["Neighbour", "Route", "Rule", "read", "read_neighbours", "read_rules"]

_FAMILIES = ("inet", "inet6")


def read(kernel: Machine, *, netns: str | None = None) -> Reading[Route]:
    """Routes of all tables of a namespace (of all where None), IPv4 first; UsageError for an unknown
    namespace.
    """
    survey = NetSurvey.of(kernel, netns)
    shared: dict[int, Shared] = {}
    survey.attempt("nexthop objects", lambda: [shared.update(objects(survey))])
    found = survey.attempt("IPv4 routes", partial(fib_trie.routes, survey, shared))
    found += survey.attempt("IPv6 routes", partial(fib6.routes, survey, shared))
    return survey.reading(found)


def read_rules(kernel: Machine, *, netns: str | None = None) -> Reading[Rule]:
    """Rules that choose a routing table, of both families."""
    survey = NetSurvey.of(kernel, netns)
    found = (survey.attempt("rules", partial(rules, survey, family, details=False)) for family in _FAMILIES)
    return survey.reading(row for rows in found for row in rows)


def read_neighbours(kernel: Machine, *, netns: str | None = None) -> Reading[Neighbour]:
    """Neighbours of both families (ARP and NDP), and the addresses that the machine answers for (proxies)."""
    survey = NetSurvey.of(kernel, netns)
    found: list[Neighbour] = []
    for family in _FAMILIES:
        found += survey.attempt(f"{family} neighbours", partial(tables.neighbours, survey, family))
        found += survey.attempt(f"{family} proxies", partial(tables.proxies, survey, family))
    return survey.reading(found)
