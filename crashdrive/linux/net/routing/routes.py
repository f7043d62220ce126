"""Parts of a route's row that both families share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.routing.iproute import METRICS
from crashdrive.linux.net.routing.nexthops import Shared
from crashdrive.linux.net.routing.rows import NextHop
from crashdrive.linux.net.rt_names import TABLES, named
from crashdrive.linux.net.survey import NetSurvey

# FIB_TABLE_HASHSZ and FIB6_TABLE_HASHSZ where a kernel has tables at all
MANY_TABLES = 256
_CONGESTION = "congctl"


def way(
    shared: Shared | None, hops: Sequence[NextHop], *, alone: bool = False, offload: Sequence[str] = ()
) -> dict[str, Any]:
    """A route's columns about its next hops; ``alone``: a group of one is shown as its member."""
    ways = shared.hops if shared is not None else tuple(hops)
    several = len(ways) > 1 or (shared is not None and shared.multipath and not alone)
    facts: dict[str, Any] = {"nexthops": ways if several else (), "flags": tuple(offload)}
    if ways and not several:
        (hop,) = ways
        facts |= {"gateway": hop.gateway, "device": hop.device, "encapsulation": hop.encapsulation}
        facts["flags"] = (*hop.flags, *offload)
    else:
        facts |= {"gateway": None, "device": None}
    if shared is not None:
        facts |= {"nexthop_id": shared.row.id, "nexthop": shared.row.lines[0]}
        if shared.row.blackhole:
            facts["type"] = "blackhole"
    return facts


OFFLOAD = {"rt_offload": ("offload",), "rt_trap": ("trap",), "rt_offload_failed": ("offload_failed",)}


def offloaded(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the flags about hardware that forwards for a route."""
    return tuple(name for name in OFFLOAD if row[name])


class Metrics:
    """The metrics of routes, by the value of ``struct dst_metrics.metrics``."""

    def __init__(self, survey: NetSurvey) -> None:
        self._survey = survey
        self._algorithms: dict[int, str] | None = None

    def named(self, values: Sequence[int] | None) -> dict[str, Any]:
        """``metrics`` and ``locked`` of a route's row."""
        if not values or not any(values):
            return {}
        lock, *rest = values
        known = dict(zip(METRICS, rest, strict=False))
        return {
            "metrics": {name: self._value(name, value) for name, value in known.items() if value},
            "locked": tuple(name for bit, name in enumerate(METRICS, 2) if lock >> bit & 1),
        }

    def _value(self, name: str, value: int) -> int | str:
        if name != _CONGESTION:
            return value
        if self._algorithms is None:
            self._algorithms = dict(_algorithms(self._survey))
        return self._algorithms.get(value, f"{value:#x}")


def _algorithms(survey: NetSurvey) -> Iterator[tuple[int, str]]:
    """Congestion control algorithms by their keys (net/ipv4/tcp_cong.c)."""
    kernel = survey.kernel
    if not kernel.symbols.has("tcp_cong_list"):
        return
    found = kernel.walk_list(kernel.symbols.address("tcp_cong_list"), "struct tcp_congestion_ops", "list")
    survey.walked(found, "congestion control algorithms")
    yield from survey.gaps(found.read(["key", "name"]), "congestion control algorithms")


def table_name(number: int) -> str:
    """``main``, ``local``, ``default``, or the number."""
    return named(TABLES, number)


def tables(survey: NetSurvey, hash_path: str, kind: str, member: str, rules: str) -> list[tuple[int, int]]:
    """(struct net, table) of all tables of the chosen namespaces, in the order of their hashes.

    ``rules``: a member that only kernels with several tables have (CONFIG_IP_MULTIPLE_TABLES): these have 256
    hash buckets.
    """
    kernel = survey.kernel
    nets = [one.address for one in survey.namespaces.nets if one.address in survey.chosen]
    count = MANY_TABLES if kernel.has_member("struct net", rules) else _FEW_TABLES[kind]
    found: list[tuple[int, int]] = []
    heads = survey.gaps(kernel.read_many("struct net", nets, [hash_path]), "routing tables")[hash_path]
    for net, head in zip(nets, heads, strict=True):
        if head:
            walked = kernel.walk_table(head, count, kind, member)
            survey.walked(walked, "routing tables")
            found += [(net, table) for table in walked.addresses]
    return found


# by family: the arguments of `tables`, and the member for a table's number
_TABLES_OF = {
    "inet": (("ipv4.fib_table_hash", "struct fib_table", "tb_hlist", "ipv4.rules_ops"), "tb_id"),
    "inet6": (("ipv6.fib_table_hash", "struct fib6_table", "tb6_hlist", "ipv6.fib6_rules_ops"), "tb6_id"),
}


def table_names(survey: NetSurvey, family: str) -> set[str]:
    """The tables of a family (``inet``, ``inet6``) in the chosen namespaces, also those without routes."""
    where, number = _TABLES_OF[family]
    if not survey.kernel.has_type(where[1]):
        return set()
    columns = survey.kernel.read_many(where[1], [table for _, table in tables(survey, *where)], [number])
    return {table_name(one) for one in survey.gaps(columns, "routing tables")[number] if one is not None}


# FIB_TABLE_HASHSZ and FIB6_TABLE_HASHSZ without CONFIG_IP(V6)_MULTIPLE_TABLES
_FEW_TABLES = {"struct fib_table": 2, "struct fib6_table": 1}
