"""IPv6's routing tables: binary trees of prefixes, with trees by source below them.

Sources: net/ipv6/ip6_fib.c (the trees, and the order in which they are shown), route.c (a route's fields).
The layout is that of 4.18 (8d1c802b2815: struct fib6_info) and later; older trees are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.kernel.structures.walk import suspicion
from crashdrive.linux.net.addresses import ipv6
from crashdrive.linux.net.routing.iproute import prefix_text
from crashdrive.linux.net.routing.nexthops import Shared, hops
from crashdrive.linux.net.routing.routes import OFFLOAD, Metrics, offloaded, table_name, tables, way
from crashdrive.linux.net.routing.rows import NextHop, Route
from crashdrive.linux.net.rt_names import PREFERENCES, PROTOCOLS, TYPES, named
from crashdrive.linux.net.short_chains import chained
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

_WHAT = "IPv6 routes"
_HAS_ROUTES = 4  # RTN_RTINFO: the leaf is this node's own
_EXPIRES = 0x0040_0000  # RTF_EXPIRES
_PREFERENCE = 27  # RTF_PREF's lowest bit
_WHOLE = 128


class _Node(NamedTuple):
    subtree: int
    left: int
    right: int
    leaf: int
    flags: int


class _Place(NamedTuple):
    """A route, and where it was found."""

    net: int
    table: int
    address: int


def routes(survey: NetSurvey, shared: Mapping[int, Shared]) -> list[Route]:
    """All IPv6 routes of the chosen namespaces, in the order of ``ip -6 route show table all``."""
    kernel = survey.kernel
    if not kernel.has_type("struct fib6_table"):
        survey.absent("IPv6")
        return []
    found = tables(survey, "ipv6.fib_table_hash", "struct fib6_table", "tb6_hlist", "ipv6.fib6_rules_ops")
    numbers = kernel.read_many("struct fib6_table", [table for _, table in found], ["tb6_id"])
    root = kernel.offset("struct fib6_table", "tb6_root")
    nodes = _nodes(survey, [table + root for _, table in found])
    # the null entry, which stands in the empty trees of a namespace, is no route
    null = kernel.read_many("struct net", sorted(survey.chosen), ["ipv6.fib6_null_entry"])
    nulls = set(survey.gaps(null, _WHAT).columns[0])
    places = [
        (net, number, leaf)
        for (net, table), number in zip(found, survey.gaps(numbers, _WHAT)["tb6_id"], strict=True)
        if number is not None
        for leaf in _leaves(nodes, table + root)
        if leaf not in nulls
    ]
    chains = chained(survey, "struct fib6_info", [leaf for _, _, leaf in places], "fib6_next", _WHAT)
    listed = [
        _Place(net, number, address)
        for (net, number, _), chain in zip(places, chains, strict=True)
        for address in chain
    ]
    return list(_rows(survey, listed, shared))


def _nodes(survey: NetSurvey, roots: Sequence[int]) -> dict[int, _Node]:
    """All nodes of all trees by their address, a level in each round trip."""
    kernel = survey.kernel
    members = {
        # without CONFIG_IPV6_SUBTREES there is none
        "subtree": ("subtree",), "left": ("left",), "right": ("right",), "leaf": ("leaf",),
        "flags": ("fn_flags",),
    }  # fmt: skip
    fields = Fields(kernel, "struct fib6_node", members, ("left", "right", "leaf", "flags"))
    found: dict[int, _Node] = {}
    level = list(roots)
    while level:
        rows = zip(*survey.read(fields, level, _WHAT).values(), strict=True)
        below: list[int] = []
        for address, (subtree, *rest) in zip(level, rows, strict=True):
            if None not in rest:
                found[address] = node = _Node(subtree or 0, *rest)
                below += [child for child in node[:3] if child]
        level = [child for child in below if _fits(survey, child, found)]
        if len(set(level)) < len(level):
            survey.miss([Notice(kind="shared", message=f"{_WHAT}: a tree's node has two parents")])
            level = list(dict.fromkeys(level))
    return found


def _fits(survey: NetSurvey, child: int, found: Mapping[int, _Node]) -> bool:
    kind = suspicion(child, survey.kernel.pointer_size) or ("loop" if child in found else None)
    if kind is not None:
        survey.miss([Notice(kind=kind, message=f"{_WHAT}: a tree's node {child:#x} can't be one ({kind})")])
    return kind is None


def _leaves(nodes: Mapping[int, _Node], root: int) -> Iterator[int]:
    """First routes of a tree's nodes in the order of the kernel's walker: children first, then the node."""
    waiting, opened = [root], set[int]()
    while waiting:
        node = nodes.get(address := waiting.pop())
        if node is None:
            continue
        if address not in opened:
            opened.add(address)
            below = [
                child for child in (node.right, node.left, node.subtree) if child and child not in opened
            ]
            waiting += [address, *below]
        elif node.flags & _HAS_ROUTES and node.leaf:
            yield node.leaf


_PREFIXES = ("fib6_dst", "fib6_src", "fib6_prefsrc")
_INFO = {
    "siblings": ("fib6_nsiblings",),
    "expires": ("expires",),
    "metrics": ("fib6_metrics->metrics",),
    "flags": ("fib6_flags",),
    "metric": ("fib6_metric",),
    "protocol": ("fib6_protocol",),
    "type": ("fib6_type",),
    # 5.3 (f88d8ea67fbd)
    "object": ("nh",),
    **{f"{name}.addr": (f"{name}.addr",) for name in _PREFIXES},
    **{f"{name}.plen": (f"{name}.plen",) for name in _PREFIXES},
    **OFFLOAD,
}


def _rows(survey: NetSurvey, real: Sequence[_Place], shared: Mapping[int, Shared]) -> Iterator[Route]:
    kernel, kind = survey.kernel, "struct fib6_info"
    fields = Fields(kernel, kind, _INFO, ("flags", "metric", "protocol", "type", "fib6_dst.addr"))
    rows = survey.rows(fields, [place.address for place in real], _WHAT)
    own = [place.address for place, row in zip(real, rows, strict=True) if not row["object"]]
    start = kernel.offset(kind, "fib6_nh")
    ways = dict(zip(own, hops(survey, "struct fib6_nh", [a + start for a in own]), strict=True))
    metrics = Metrics(survey)
    at = 0
    while at < len(real):
        count = _together(real, rows, at)
        if rows[at]["flags"] is not None:
            group = [ways[place.address] for place in real[at : at + count] if place.address in ways]
            yield _row(survey, real[at], rows[at], group, shared, metrics)
        at += count


def _together(places: Sequence[_Place], rows: Sequence[Mapping[str, Any]], at: int) -> int:
    """The number of next hops of one route in a chain: siblings follow each other."""
    row, most = rows[at], at + 1 + (rows[at]["siblings"] or 0)
    last = at + 1
    same = ("siblings", "metric", "fib6_dst.addr", "fib6_dst.plen")
    while last < min(most, len(rows)) and places[last][:2] == places[at][:2]:
        if any(rows[last][name] != row[name] for name in same):
            break
        last += 1
    return last - at


def _row(
    survey: NetSurvey,
    place: _Place,
    row: Mapping[str, Any],
    ways: Sequence[NextHop],
    shared: Mapping[int, Shared],
    metrics: Metrics,
) -> Route:
    missing = (row["siblings"] or 0) + 1 - len(ways)
    pointer = row["object"]
    if (pointer and pointer not in shared) or (not pointer and missing):
        message = f"{_WHAT}: ways of the route {place.address:#x} are missing"
        survey.miss([Notice(kind="node", message=message)])
    flags = row["flags"]
    (expires,) = survey.seconds([row["expires"] if flags & _EXPIRES else None])
    return Route(
        **{
            "family": "inet6",
            "netns": survey.labels.get(place.net),
            "table": table_name(place.table),
            "type": named(TYPES, row["type"]),
            "destination": ipv6(row["fib6_dst.addr"]),
            "prefix_length": row["fib6_dst.plen"],
            "metric": row["metric"],
            "scope": "global",
            "protocol": named(PROTOCOLS, row["protocol"]),
            "source": ipv6(row["fib6_prefsrc.addr"]) if row["fib6_prefsrc.plen"] else None,
            "source_prefix": _source(row),
            "expires_seconds": expires,
            "preference": PREFERENCES.get(flags >> _PREFERENCE & 3, "medium"),
            "rtf_flags": flags,
            "address": place.address,
            **metrics.named(row["metrics"]),
            **way(shared.get(pointer) if pointer else None, ways, offload=offloaded(row)),
        }
    )


def _source(row: Mapping[str, Any]) -> str | None:
    length = row["fib6_src.plen"]
    return prefix_text(ipv6(row["fib6_src.addr"]), length, _WHOLE) if length else None
