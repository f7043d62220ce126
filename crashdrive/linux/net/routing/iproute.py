"""Routes, rules and next hops worded as iproute2 does.

Sources: include/uapi/linux/rtnetlink.h; iproute2's ip/iproute.c, iprule.c, ipnexthop.c. The tests hold every
line against the guest's iproute2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.linux.net.routing.rows import NextHop, Route

# RTNH_F_*, by bit
_FLAGS = ("dead", "pervasive", "onlink", "offload", "linkdown", "unresolved", "trap")
_FLAGS_ORDER = (
    "dead", "onlink", "pervasive", "offload", "trap", "notify", "linkdown", "unresolved", "rt_offload",
    "rt_trap", "rt_offload_failed",
)  # fmt: skip
# RTAX_*, from 2; 1 tells which of the others are locked
METRICS = (
    "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd",
    "features", "rto_min", "initrwnd", "quickack", "congctl", "fastopen_no_cookie",
)  # fmt: skip
_FEATURES = ((1, "ecn"), (8, "tcp_usec_ts"))
# in place of iproute2's tab, which would be escaped where untrusted text is shown
_INDENT = " " * 8


def flag_names(bits: int) -> tuple[str, ...]:
    """Names of RTNH_F_* in the order of iproute2; unknown bits by their number."""
    known = {name for i, name in enumerate(_FLAGS) if bits >> i & 1}
    rest = bits >> len(_FLAGS) << len(_FLAGS)
    return (*(name for name in _FLAGS_ORDER if name in known), *([f"{rest:#x}"] if rest else []))


def prefix_text(address: str, length: int, whole: int) -> str:
    """``10.0.0.0/8``, without its length where it is a single address."""
    return address if length == whole else f"{address}/{length}"


def route_lines(route: Route, *, details: bool) -> tuple[str, ...]:
    """A route as ``ip route show table all`` prints it, as ``ip -d route`` with ``details``."""
    words = [*_head(route, details), *_way(route, details), *_tail(route)]
    lines = [" ".join(words)]
    if details and route.nexthop is not None:
        lines.append(f"{_INDENT}nh_info {route.nexthop}")
    lines += [
        f"{_INDENT}nexthop " + " ".join([*_hop(hop), f"weight {hop.weight}", *hop.flags])
        for hop in route.nexthops
    ]
    return tuple(lines)


def _head(route: Route, details: bool) -> Iterator[str]:  # noqa: FBT001 # passed on
    if details or route.type != "unicast":
        yield route.type
    whole = 32 if route.family == "inet" else 128
    if route.prefix_length:
        yield prefix_text(route.destination, route.prefix_length, whole)
    else:
        yield "default"
    if route.source_prefix is not None:
        yield f"from {route.source_prefix}"
    if route.nexthop_id is not None:
        yield f"nhid {route.nexthop_id}"
    if route.encapsulation is not None:
        yield f"encap {route.encapsulation}"
    if route.tos:
        yield f"tos 0x{route.tos:02x}"


def _way(route: Route, details: bool) -> Iterator[str]:  # noqa: FBT001 # passed on
    if route.gateway is not None:
        yield via(route.gateway, route.family)
    if route.device is not None:
        yield f"dev {printable(route.device)}"
    if details or route.table != "main":
        yield f"table {route.table}"
    if details or route.protocol != "boot":
        yield f"proto {route.protocol}"
    if details or route.scope != "global":
        yield f"scope {route.scope}"
    if route.source is not None:
        yield f"src {route.source}"
    if route.metric or route.family == "inet6":
        yield f"metric {route.metric}"
    yield from route.flags


def _tail(route: Route) -> Iterator[str]:
    if route.expires_seconds is not None:
        yield f"expires {int(route.expires_seconds)}sec"
    yield from metric_words(route.metrics, route.locked)
    if route.preference is not None:
        yield f"pref {route.preference}"


def metric_words(metrics: Mapping[str, int | str], locked: Collection[str]) -> Iterator[str]:
    """``mtu lock 1400`` and so on."""
    for name, value in metrics.items():
        lock = " lock" if name in locked else ""
        yield f"{name}{lock} {_metric(name, value)}"


def _metric(name: str, value: int | str) -> str:
    if isinstance(value, str):
        return printable(value)
    if name == "features":
        known = [word for bit, word in _FEATURES if value & bit]
        return " ".join(known) or f"{value:#x}"
    parts = {"rtt": 8, "rttvar": 4, "rto_min": 1}.get(name)
    if parts is None:
        return str(value)
    return f"{value / parts / 1000:g}s" if value // parts >= 1000 else f"{value // parts}ms"


def via(gateway: str, family: str | None) -> str:
    """``via ADDRESS``; ``via inet6 ADDRESS`` for a gateway of another family."""
    other = family == "inet" and ":" in gateway
    return f"via inet6 {gateway}" if other else f"via {gateway}"


def _hop(hop: NextHop) -> Iterator[str]:
    if hop.encapsulation is not None:
        yield f"encap {hop.encapsulation}"
    if hop.gateway is not None:
        yield via(hop.gateway, None)
    if hop.device is not None:
        yield f"dev {printable(hop.device)}"


_RESILIENCE = (
    ("buckets", "buckets"), ("idle_timer", "idle_timer"), ("unbalanced_timer", "unbalanced_timer"),
    ("unbalanced_time", "unbalanced_seconds"),
)  # fmt: skip


def nexthop_line(facts: Mapping[str, Any]) -> str:
    """A nexthop object as ``ip nexthop`` prints it."""
    return " ".join(_nexthop(facts))


def _nexthop(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"id {facts['id']}"
    if facts["group"]:
        members = (f"{m.id},{m.weight}" if m.weight != 1 else str(m.id) for m in facts["group"])
        yield f"group {'/'.join(members)}"
        if facts["resilient"]:
            yield "type resilient"
            yield from words_of(
                (word, None if facts.get(name) is None else f"{facts[name]:g}") for word, name in _RESILIENCE
            )
    if facts["encapsulation"] is not None:
        yield f"encap {facts['encapsulation']}"
    if facts["gateway"] is not None:
        yield f"via {facts['gateway']}"
    if facts["device"] is not None:
        yield f"dev {printable(facts['device'])}"
    yield f"scope {facts['scope']}"
    if facts["blackhole"]:
        yield "blackhole"
    yield f"proto {facts['protocol']}"
    yield from facts["flags"]
    if facts["fdb"]:
        yield "fdb"


def words_of(pairs: Iterable[tuple[str, object | None]]) -> Iterator[str]:
    """``name value`` of the pairs with a value."""
    return (f"{name} {value}" for name, value in pairs if value is not None)
