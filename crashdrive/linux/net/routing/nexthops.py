"""Next hops of routes of both families, and the nexthop objects that routes can share (since 5.3).

Sources: include/net/ip_fib.h, include/net/nexthop.h, net/ipv4/nexthop.c (what ``ip nexthop`` shows).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.linux.net.addresses import ipv4, ipv6, quad
from crashdrive.linux.net.routing.iproute import flag_names, nexthop_line
from crashdrive.linux.net.routing.lwtunnel import encapsulations
from crashdrive.linux.net.routing.rows import NextHop
from crashdrive.linux.net.rt_names import PROTOCOLS, SCOPES, named
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields, row_dicts
from crashdrive.records import Address, Notice, Record

_INET, _INET6 = 2, 10
# no group and no route has more: netlink messages are short
MOST_HOPS = 4096
# without it, the hop would look like a route to nowhere
UNREAD = ("unread",)


class Member(Record, frozen=True):
    """A nexthop object in a group."""

    id: int
    weight: int


class NexthopObject(Record, frozen=True):
    """A nexthop object as ``ip nexthop`` shows it; ``group`` is empty unless it is one. ``fdb``: it is for a
    bridge, not for routes.

    ``buckets``: of a ``resilient`` group; timers in seconds, ``unbalanced_seconds``: how long its members
    haven't had their shares (0: they have).
    """

    netns: str | None
    id: int
    gateway: str | None
    device: str | None
    scope: str
    protocol: str
    blackhole: bool
    fdb: bool
    resilient: bool
    flags: tuple[str, ...]
    group: tuple[Member, ...]
    address: Address
    lines: tuple[str, ...]
    encapsulation: str | None = None
    buckets: int | None = None
    idle_timer: float | None = None
    unbalanced_timer: float | None = None
    unbalanced_seconds: float | None = None


class Shared(NamedTuple):
    """A nexthop object as routes see it; ``multipath`` if it is a group.

    ``infos``: the ``struct nh_info`` of each of its next hops.
    """

    row: NexthopObject
    hops: tuple[NextHop, ...]
    multipath: bool
    infos: tuple[int, ...] = ()


# 5.2 moved the members of both families into struct fib_nh_common
_COMMON = {
    "device": ("nhc_dev->name",),
    "index": ("nhc_oif",),
    "family": ("nhc_gw_family",),
    "gateway": ("nhc_gw.ipv6",),
    "flags": ("nhc_flags",),
    "weight": ("nhc_weight",),
    "scope": ("nhc_scope",),
    "encapsulation": ("nhc_lwtstate",),
}
_BEFORE = {
    "device": ("nh_dev->name",),
    "index": ("nh_oif",),
    "gateway": ("nh_gw",),
    "flags": ("nh_flags",),
    "weight": ("nh_weight",),
    "scope": ("nh_scope",),
    "encapsulation": ("nh_lwtstate",),
}


def hops(survey: NetSurvey, kind: str, addresses: Sequence[int], prefix: str = "nh_common.") -> list[NextHop]:
    """The next hops in structures of a kind: ``struct fib_nh``, ``struct fib6_nh``, ``struct nh_info``."""
    members = {
        name: tuple(prefix + path for path in _COMMON.get(name, ())) + _BEFORE.get(name, ())
        for name in _COMMON
    }
    fields = Fields(survey.kernel, kind, members, ("device", "gateway", "flags"))
    columns = survey.read(fields, addresses, "next hops")
    columns["encapsulation"] = encapsulations(survey, columns["encapsulation"])
    return [_hop(survey, row) for row in row_dicts(columns)]


def _hop(survey: NetSurvey, row: Mapping[str, Any]) -> NextHop:
    index = row["index"]
    return NextHop(
        gateway=_gateway(survey, row["family"], row["gateway"]),
        device=row["device"] if row["device"] is not None else (f"if{index}" if index else None),
        weight=1 if row["weight"] is None else row["weight"],
        flags=UNREAD if row["flags"] is None else flag_names(row["flags"]),
        scope=None if row["scope"] is None else named(SCOPES, row["scope"]),
        encapsulation=row["encapsulation"],
    )


def _gateway(survey: NetSurvey, family: int | None, raw: bytes | int | None) -> str | None:
    """The gateway by its family; before the kernel kept that, IPv4's is a number, and all zeros is none."""
    if raw is None or family == 0:
        return None
    if isinstance(raw, int):
        return quad(survey, raw) if raw else None
    if family is None:
        return ipv6(raw) if any(raw) else None
    return ipv4(raw[:4]) if family == _INET else ipv6(raw)


_MEMBERS = {
    "id": ("id",),
    "protocol": ("protocol",),
    "flags": ("nh_flags",),
    "is_group": ("is_group",),
    "info": ("nh_info",),
    "group": ("nh_grp",),
}


def objects(survey: NetSurvey) -> dict[int, Shared]:
    """Nexthop objects of the chosen namespaces by the address of their ``struct nexthop``."""
    kernel = survey.kernel
    if not kernel.has_type("struct nexthop"):
        return {}
    found: dict[int, Shared] = {}
    for net in sorted(survey.chosen):
        tree = kernel.walk_rbtree(
            net + kernel.offset("struct net", "nexthop.rb_root"), "struct nexthop", "rb_node"
        )
        survey.walked(tree, "nexthop objects")
        if tree.addresses:
            found |= _of_namespace(survey, net, tree.addresses)
    return found


def _of_namespace(survey: NetSurvey, net: int, addresses: Sequence[int]) -> dict[int, Shared]:
    fields = Fields(survey.kernel, "struct nexthop", _MEMBERS, ("id", "is_group", "info"))
    rows = {
        address: row
        for address, row in survey.addressed(fields, addresses, "nexthop objects")
        if row["id"] is not None
    }
    single = {address: row for address, row in rows.items() if not row["is_group"]}
    found = _singles(survey, net, single)
    groups = {address: row for address, row in rows.items() if row["is_group"]}
    found |= _groups(survey, net, groups, found)
    return {address: found[address] for address in rows if address in found}


_INFO = {"reject": ("reject_nh",), "fdb": ("fdb_nh",)}


def _singles(survey: NetSurvey, net: int, rows: Mapping[int, Mapping[str, Any]]) -> dict[int, Shared]:
    infos = [row["info"] for row in rows.values()]
    ways = hops(survey, "struct nh_info", infos, "fib_nhc.")
    fields = Fields(survey.kernel, "struct nh_info", _INFO)
    about = survey.read(fields, infos, "nexthop objects")
    found = {}
    for (address, row), hop, reject, fdb in zip(
        rows.items(), ways, about["reject"], about["fdb"], strict=True
    ):
        blackhole, bridge = bool(reject), bool(fdb)
        made = _object(
            survey, net, address, row,
            gateway=None if blackhole else hop.gateway,
            device=None if blackhole or bridge else hop.device,
            scope="global" if blackhole else hop.scope or "global",
            blackhole=blackhole, fdb=bridge, encapsulation=None if blackhole else hop.encapsulation,
        )  # fmt: skip
        found[address] = Shared(made, (hop,), multipath=False, infos=(row["info"],))
    return found


def _object(
    survey: NetSurvey, net: int, address: int, row: Mapping[str, Any], **values: Any
) -> NexthopObject:
    facts: dict[str, Any] = {
        "netns": survey.labels.get(net), "id": row["id"], "gateway": None, "device": None, "scope": "global",
        "protocol": named(PROTOCOLS, row["protocol"] or 0), "blackhole": False, "fdb": False,
        "resilient": False, "flags": flag_names(row["flags"] or 0), "group": (), "address": address,
        "encapsulation": None,
        **values,
    }  # fmt: skip
    return NexthopObject(**facts, lines=(nexthop_line(facts),))


_GROUP = {
    "count": ("num_nh",),
    "resilient": ("resilient",),
    "fdb": ("fdb_nh",),
    # since 5.13
    "table": ("res_table",),
    "buckets": ("res_table->num_nh_buckets",),
    "idle": ("res_table->idle_timer",),
    "unbalanced": ("res_table->unbalanced_timer",),
    "since": ("res_table->unbalanced_since",),
    "waiting": ("res_table->uw_nh_entries.next",),
}


def _groups(
    survey: NetSurvey, net: int, rows: Mapping[int, Mapping[str, Any]], singles: Mapping[int, Shared]
) -> dict[int, Shared]:
    kernel, kind, entry = survey.kernel, "struct nh_group", "struct nh_grp_entry"
    pointers = [row["group"] for row in rows.values()]
    about = survey.read(Fields(kernel, kind, _GROUP, ("count",)), pointers, "nexthop groups")
    counts = [checked_count(survey, count, "nexthop group") for count in about["count"]]
    start, step = (kernel.offset(kind, "nh_entries"), kernel.sizeof(entry)) if rows else (0, 0)
    entries = [
        pointer + start + i * step
        for pointer, count in zip(pointers, counts, strict=True)
        for i in range(count)
    ]
    columns = survey.gaps(kernel.read_many(entry, entries, ["nh", "weight"]), "nexthop groups")
    members = iter(columns)
    found = {}
    facts = row_dicts(about)
    for (address, row), count, fact in zip(rows.items(), counts, facts, strict=True):
        inside = [(singles.get(nh), weight) for nh, weight in (next(members) for _ in range(count))]
        if any(single is None for single, _ in inside):
            message = f"nexthop group {row['id']} has a member that is no nexthop object of its namespace"
            survey.miss([Notice(kind="node", message=message)])
        whole = [(single, weight) for single, weight in inside if single is not None]
        group = tuple(Member(id=single.row.id, weight=weight) for single, weight in whole)
        made = _object(
            survey, net, address, row, group=group, resilient=bool(fact["resilient"]),
            fdb=bool(fact["fdb"]), **_resilience(survey, fact),
        )  # fmt: skip
        infos = tuple(info for single, _ in whole for info in single.infos)
        found[address] = Shared(made, tuple(_weighed(*one) for one in whole), multipath=True, infos=infos)
    return found


def _resilience(survey: NetSurvey, fact: Mapping[str, Any]) -> dict[str, Any]:
    """Buckets and timers of a resilient group."""
    if not fact["resilient"] or not fact["table"]:
        return {}
    hz = survey.kernel.hz
    idle, unbalanced = (None if fact[name] is None else fact[name] / hz for name in ("idle", "unbalanced"))
    balanced = fact["waiting"] == fact["table"] + survey.kernel.offset("struct nh_res_table", "uw_nh_entries")
    (since,) = survey.seconds([fact["since"]])
    return {
        "buckets": fact["buckets"], "idle_timer": idle, "unbalanced_timer": unbalanced,
        "unbalanced_seconds": 0.0 if balanced else None if since is None else -since,
    }  # fmt: skip


def _weighed(single: Shared, weight: int) -> NextHop:
    hop = single.hops[0]
    return NextHop(
        gateway=hop.gateway, device=hop.device, weight=weight, flags=hop.flags, scope=hop.scope,
        encapsulation=hop.encapsulation,
    )  # fmt: skip


def checked_count(survey: NetSurvey, count: int | None, what: str) -> int:
    """The number of next hops to read: the count, or 0, noted, where it is damaged."""
    if count is None:
        return 0
    if 0 <= count <= MOST_HOPS:
        return count
    survey.miss([Notice(kind="node", message=f"{what}: {count} next hops are impossible; not read")])
    return 0
