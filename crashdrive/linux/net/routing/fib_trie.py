"""IPv4's routing tables: tries of prefixes, whose leaves are lists of routes.

Sources: net/ipv4/fib_trie.c (the trie, and the order in which it is shown), fib_semantics.c (a route's
fields). The layout is that of 4.1 (key vectors) and later; older tries are not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.kernel.memory.window import Window
from crashdrive.linux.net.addresses import ipv4, quad
from crashdrive.linux.net.routing.nexthops import Shared, checked_count, hops
from crashdrive.linux.net.routing.routes import OFFLOAD, Metrics, offloaded, table_name, tables, way
from crashdrive.linux.net.routing.rows import NextHop, Route
from crashdrive.linux.net.rt_names import PROTOCOLS, SCOPES, TYPES, named
from crashdrive.linux.net.short_chains import chained
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

_KEY_BITS = 32
# an inner node with more than 1 << this children is damaged: a million routes need fewer
_MOST_BITS = 24
_WHAT = "IPv4 routes"


class _Node(NamedTuple):
    """A node to read: its trie, and the part of its key that its place tells, down to bit ``above``."""

    trie: int
    address: int
    key: int
    above: int


class _Leaf(NamedTuple):
    trie: int
    key: int
    address: int


class _Entry(NamedTuple):
    """A route's place in a trie: ``alias`` are the members of its ``struct fib_alias``."""

    net: int
    key: int
    alias: Mapping[str, Any]


def routes(survey: NetSurvey, shared: Mapping[int, Shared]) -> list[Route]:
    """All IPv4 routes of the chosen namespaces, in the order of ``ip route show table all``."""
    kernel = survey.kernel
    found = tables(survey, "ipv4.fib_table_hash", "struct fib_table", "tb_hlist", "ipv4.rules_ops")
    columns = kernel.read_many("struct fib_table", [table for _, table in found], ["tb_id", "tb_data"])
    survey.gaps(columns, _WHAT)
    # local and main share a trie until a namespace has rules (0ddcf43d5d4a); an entry knows its table
    rank = {(net, number): i for i, ((net, _), (number, _)) in enumerate(zip(found, columns, strict=True))}
    tries = {trie: net for (net, _), (_, trie) in zip(found, columns, strict=True) if trie}
    entries = list(_entries(survey, tries))
    for entry in entries:
        rank.setdefault((entry.net, entry.alias["table"]), len(rank))
    # the sort is stable: entries of a key stay in the order of their leaf
    entries.sort(key=lambda entry: (rank[entry.net, entry.alias["table"]], entry.key))
    return list(_rows(survey, entries, shared))


def _entries(survey: NetSurvey, tries: Mapping[int, int]) -> Iterator[_Entry]:
    kernel, kind = survey.kernel, "struct fib_alias"
    leaves = _leaves(survey, list(tries))
    first = kernel.offset("struct key_vector", "leaf")
    window = kernel.window()
    heads = window.words([leaf.address + first for leaf in leaves])
    chains = chained(survey, kind, heads, "fa_list.next", _WHAT, shift=kernel.offset(kind, "fa_list"))
    fields = Fields(kernel, kind, _ALIAS, ("info", "type", "length", "table"))
    rows = iter(survey.rows(fields, [alias for chain in chains for alias in chain], _WHAT))
    for leaf, chain in zip(leaves, chains, strict=True):
        for _ in chain:
            row = next(rows)
            if row["info"] is not None and row["table"] is not None:
                yield _Entry(tries[leaf.trie], leaf.key, row)


_ALIAS = {
    "info": ("fa_info",),
    # 5.18 renamed it (32ccf1107980)
    "tos": ("fa_dscp", "fa_tos"),
    "type": ("fa_type",),
    # the suffix length: the key's bits beyond the prefix
    "length": ("fa_slen",),
    "table": ("tb_id",),
    **OFFLOAD,
}


def _leaves(survey: NetSurvey, tries: Sequence[int]) -> list[_Leaf]:
    """The leaves of all tries; two round trips read a level of all of them."""
    kernel = survey.kernel
    children = kernel.offset("struct key_vector", "leaf")  # in a union with the children
    window = kernel.window()
    roots = window.words([trie + kernel.offset("struct trie", "kv") + children for trie in tries])
    nodes = [_Node(trie, root, 0, _KEY_BITS) for trie, root in zip(tries, roots, strict=True) if root]
    found: list[_Leaf] = []
    seen: set[int] = set()
    while nodes:
        inner: list[tuple[_Node, int, int, int]] = []
        vectors = kernel.read_many("struct key_vector", [n.address for n in nodes], ["key", "pos", "bits"])
        survey.gaps(vectors, _WHAT)
        for node, (key, position, bits) in zip(nodes, vectors, strict=True):
            if key is None or not _sound(survey, node, key, position, bits, seen):
                continue
            if bits:
                inner.append((node, key, position, bits))
            else:
                found.append(_Leaf(node.trie, key, node.address))
        nodes = list(_below(survey, inner, children))
    return found


def _sound(survey: NetSurvey, node: _Node, key: int, position: int, bits: int, seen: set[int]) -> bool:
    """Whether a node fits its place: its key begins with the key of the place, and its bits come after."""
    fits = position + bits <= node.above and bits <= _MOST_BITS and not (key ^ node.key) >> node.above
    if fits and (bits or not position) and node.address not in seen:
        seen.add(node.address)
        return True
    message = f"{_WHAT}: node {node.address:#x} of the trie {node.trie:#x} can't be there; left out"
    survey.miss([Notice(kind="node", message=message)])
    return False


def _below(survey: NetSurvey, inner: Sequence[tuple[_Node, int, int, int]], children: int) -> Iterator[_Node]:
    window = survey.kernel.window()
    size = window.pointer_size
    window.fetch((node.address + children, size << bits) for node, _, _, bits in inner)
    for node, key, position, bits in inner:
        pointers = _pointers(survey, window, node.address + children, 1 << bits)
        base = key >> (position + bits) << (position + bits)
        for index, pointer in enumerate(pointers):
            if pointer:
                yield _Node(node.trie, pointer, base | index << position, position)


def _pointers(survey: NetSurvey, window: Window, address: int, count: int) -> Sequence[int]:
    raw = window.bytes(address, count * window.pointer_size)
    if raw is None:
        message = f"{_WHAT}: the children of a trie's node at {address:#x} are not in the dump"
        survey.miss([Notice(kind="hole", message=message)])
        return ()
    return struct.unpack(f"{window.order}{count}{'Q' if window.pointer_size == 8 else 'I'}", raw)


_INFO = {
    "protocol": ("fib_protocol",),
    "scope": ("fib_scope",),
    "source": ("fib_prefsrc",),
    "priority": ("fib_priority",),
    # a pointer to a structure since 4.12 (3fb07daff8e9), to the numbers before
    "metrics": ("fib_metrics->metrics",),
    "count": ("fib_nhs",),
    "object": ("nh",),
}


def _rows(survey: NetSurvey, entries: Sequence[_Entry], shared: Mapping[int, Shared]) -> Iterator[Route]:
    infos = sorted({entry.alias["info"] for entry in entries})
    fields = Fields(survey.kernel, "struct fib_info", _INFO, ("protocol", "scope", "priority", "count"))
    rows = survey.rows(fields, infos, _WHAT)
    ways = _ways(survey, infos, [0 if row["object"] else row["count"] for row in rows])
    if not fields.has("metrics"):
        survey.miss(
            [Notice(kind="elsewhere", message="this kernel keeps metrics of routes elsewhere; not read")]
        )
    metrics = Metrics(survey)
    facts = {
        info: _facts(survey, row, hop, shared, metrics)
        for info, row, hop in zip(infos, rows, ways, strict=True)
        if row["protocol"] is not None
    }
    for entry in entries:
        if entry.alias["info"] in facts:
            yield _row(survey, entry, facts[entry.alias["info"]])


def _ways(survey: NetSurvey, infos: Sequence[int], counts: Sequence[int | None]) -> list[list[NextHop]]:
    """The next hops behind each ``struct fib_info``."""
    kernel = survey.kernel
    start, step = kernel.offset("struct fib_info", "fib_nh"), kernel.sizeof("struct fib_nh")
    known = [checked_count(survey, count, _WHAT) for count in counts]
    places = [info + start + i * step for info, count in zip(infos, known, strict=True) for i in range(count)]
    found = iter(hops(survey, "struct fib_nh", places))
    return [[next(found) for _ in range(count)] for count in known]


def _facts(
    survey: NetSurvey,
    row: Mapping[str, Any],
    ways: Sequence[NextHop],
    shared: Mapping[int, Shared],
    metrics: Metrics,
) -> dict[str, Any]:
    """The columns that all entries of a ``struct fib_info`` share."""
    pointer = row["object"]
    if pointer and pointer not in shared:
        message = f"{_WHAT}: the nexthop object {pointer:#x} is not among those of its namespace"
        survey.miss([Notice(kind="node", message=message)])
    return {
        "metric": row["priority"],
        "scope": named(SCOPES, row["scope"]),
        "protocol": named(PROTOCOLS, row["protocol"]),
        "source": quad(survey, row["source"]) if row["source"] else None,
        **metrics.named(row["metrics"]),
        **way(shared.get(pointer) if pointer else None, ways, alone=True),
    }


def _row(survey: NetSurvey, entry: _Entry, facts: Mapping[str, Any]) -> Route:
    alias = entry.alias
    return Route(
        **{
            "family": "inet",
            "netns": survey.labels.get(entry.net),
            "table": table_name(alias["table"]),
            "type": named(TYPES, alias["type"]),
            "destination": ipv4(entry.key.to_bytes(4, "big")),
            "prefix_length": _KEY_BITS - alias["length"],
            "tos": alias["tos"] or 0,
            "address": alias["info"],
            **facts,
            "flags": (*facts["flags"], *offloaded(alias)),
        }
    )
