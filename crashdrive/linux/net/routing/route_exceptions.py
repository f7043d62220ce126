"""Exceptions to routes: redirects and path MTUs that routers told for single destinations.

Sources: net/ipv4/route.c (struct fib_nh_exception, fnhe_dump_bucket), net/ipv6/route.c (struct rt6_exception,
rt6_nh_dump_exceptions). They hang on next hops: of a route, or of the nexthop object that routes share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from crashdrive.linux.net.addresses import ipv6, quad
from crashdrive.linux.net.routing.iproute import METRICS, metric_words, prefix_text, via
from crashdrive.linux.net.routing.nexthops import Shared, hops
from crashdrive.linux.net.routing.routes import Metrics
from crashdrive.linux.net.routing.rows import NextHop, Route
from crashdrive.linux.net.rt_names import PREFERENCES
from crashdrive.linux.net.short_chains import chained
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record
from crashdrive.text import printable

_WHAT = "exceptions to routes"
_BUCKETS4, _BUCKETS6 = 1 << 11, 1 << 10  # FNHE_HASH_SIZE, FIB6_EXCEPTION_BUCKET_SIZE
_WHOLE = 128
_GATEWAY, _DYNAMIC, _EXPIRES, _PREFERENCE = 2, 0x10, 0x40_0000, 27  # RTF_*
_MTU = "mtu"
# flag bits in a pointer to metrics: DST_METRICS_FLAGS
_FLAGS = 3


class RouteException(Record, frozen=True):
    """An exception for one ``destination`` of a route: another ``gateway``, a smaller ``mtu``.

    ``route_tables``: the tables of the routes that it belongs to (several where routes share a nexthop
    object), ``route``: the first route's prefix. ``source_prefix``: of an IPv6 route for one source alone.
    ``redirected``: a router named the gateway. ``mtu`` in bytes, ``mtu_locked``: smaller than the kernel
    accepts, so it doesn't set DF. ``metrics``, ``locked``: as in routes, the route's own included.
    ``expires_seconds``: negative for an expired one. ``stale``: the kernel doesn't use it any more.
    ``was_used``: a cached route was made of it (``ip route show cache`` shows no others). ``address`` of its
    ``struct fib_nh_exception`` or ``rt6_exception``; ``lines`` as iproute2 prints it, once for each table.
    """

    family: str
    netns: str | None
    route_tables: tuple[str, ...]
    route: str
    destination: str
    source_prefix: str | None
    gateway: str | None
    device: str | None
    metric: int
    mtu: int | None
    mtu_locked: bool
    redirected: bool
    stale: bool
    was_used: bool
    expires_seconds: float | None
    metrics: dict[str, int | str]
    locked: tuple[str, ...]
    preference: str | None
    nexthop_id: int | None
    address: Address
    lines: tuple[str, ...] = ()


class _Form(NamedTuple):
    """A family's next hops: their structure, its member for the table, that member's path in ``struct
    nh_info``.
    """

    kind: str
    table: str
    inner: str


class _Way(NamedTuple):
    """A next hop with exceptions: its table of them, its own fields, and its routes."""

    table: int
    hop: NextHop
    routes: list[Route]


def exceptions(
    survey: NetSurvey, routes: Sequence[Route], shared: Mapping[int, Shared], *, details: bool = False
) -> list[RouteException]:
    """The exceptions to these routes; `routes` as `fib4.routes` and `fib6.routes` give them."""
    found: list[RouteException] = []
    for family, read in (("inet", _ipv4), ("inet6", _ipv6)):
        some = [route for route in routes if route.family == family]
        if some:
            found += read(survey, some, shared)
    return [msgspec.structs.replace(one, lines=tuple(_text(one, details=details))) for one in found]


# next hops


def _ways(
    survey: NetSurvey, routes: Sequence[Route], shared: Mapping[int, Shared],
    own: Mapping[int, Sequence[int]], form: _Form,
) -> dict[int, _Way]:  # fmt: skip
    """The next hops with exceptions, each once: those in routes (``own``, by the route's address) and those
    in nexthop objects.
    """
    kernel = survey.kernel
    objects = {(one.row.netns, one.row.id): one for one in shared.values()}
    held: dict[int, list[Route]] = {}
    for route in routes:
        if route.nexthop_id is None:
            places: Iterable[int] = own.get(route.address, ())
        else:
            one = objects.get((route.netns, route.nexthop_id))
            shift = kernel.offset("struct nh_info", form.inner) if one else 0
            places = [info + shift for info in one.infos] if one else ()
        for place in places:
            held.setdefault(place, []).append(route)
    heads = survey.gaps(kernel.read_many(form.kind, list(held), [form.table]), _WHAT)[form.table]
    # in IPv6 the lowest bit says that the table was flushed for good
    known = {place: head & ~1 for place, head in zip(held, heads, strict=True) if head and head & ~1}
    return {
        place: _Way(head, hop, held[place])
        for (place, head), hop in zip(known.items(), hops(survey, form.kind, list(known)), strict=True)
    }


def _facts(way: _Way) -> dict[str, Any]:
    """An exception's columns about its routes."""
    first = way.routes[0]
    return {
        "family": first.family, "netns": first.netns,
        "route_tables": tuple(dict.fromkeys(route.table for route in way.routes)),
        "route": f"{first.destination}/{first.prefix_length}", "metric": first.metric,
        "nexthop_id": first.nexthop_id,
    }  # fmt: skip


def _hanging(
    survey: NetSurvey, ways: Iterable[_Way], kind: str, link: str, *, count: int, step: int, shift: int = 0
) -> list[tuple[_Way, int]]:
    """(next hop, exception) of the tables of next hops."""
    window = survey.kernel.window()
    found: list[tuple[_Way, int]] = []
    for way in ways:
        firsts = window.words(range(way.table, way.table + count * step, step))
        if None in firsts:
            message = f"{_WHAT}: the table at {way.table:#x} is not in the dump"
            survey.miss([Notice(kind="hole", message=message)])
        chains = chained(survey, kind, [first for first in firsts if first], link, _WHAT, shift=shift)
        found += [(way, address) for chain in chains for address in chain]
        window.drop()
    return found


def _rows(
    survey: NetSurvey, fields: Fields, found: Sequence[tuple[_Way, int]]
) -> Iterator[tuple[_Way, int, dict[str, Any]]]:
    rows = survey.rows(fields, [address for _, address in found], _WHAT)
    for (way, address), row in zip(found, rows, strict=True):
        if row["destination"] is not None:
            yield way, address, row


# IPv4

_FNHE = {
    "generation": ("fnhe_genid",),
    "destination": ("fnhe_daddr",),
    "mtu": ("fnhe_pmtu",),
    # 4.16 (d52e5a7e7ca4)
    "locked": ("fnhe_mtu_locked",),
    "gateway": ("fnhe_gw",),
    "expires": ("fnhe_expires",),
    "input": ("fnhe_rth_input",),
    "output": ("fnhe_rth_output",),
}


def _ipv4(
    survey: NetSurvey, routes: Sequence[Route], shared: Mapping[int, Shared]
) -> Iterator[RouteException]:
    kernel, kind, one = survey.kernel, "struct fib_nh", "struct fib_nh_exception"
    start, step = kernel.offset("struct fib_info", "fib_nh"), kernel.sizeof(kind)
    own = {
        route.address: [route.address + start + at * step for at in range(len(route.nexthops) or 1)]
        for route in routes
    }
    # newer kernels have them in struct fib_nh_common
    table = kernel.path(kind, "nh_common.nhc_exceptions", "nh_exceptions")
    ways = _ways(survey, routes, shared, own, _Form(kind, table, "fib_nh"))
    generations = _generations(survey)
    fields = Fields(kernel, one, _FNHE, ("destination", "mtu", "gateway", "expires"))
    size = kernel.pointer_size
    found = _hanging(survey, ways.values(), one, "fnhe_next", count=_BUCKETS4, step=size)
    for way, address, row in _rows(survey, fields, found):
        yield _exception4(survey, way, address, row, generations)


def _generations(survey: NetSurvey) -> dict[str | None, int | None]:
    """The current generation of exceptions by namespace: those of another one are older than its routes."""
    nets = sorted(survey.chosen)
    path = survey.kernel.first_path("struct net", ["fnhe_genid.counter"])
    if path is None:
        return {}
    column = survey.gaps(survey.kernel.read_many("struct net", nets, [path]), _WHAT)[path]
    return {survey.labels[net]: value for net, value in zip(nets, column, strict=True)}


def _exception4(
    survey: NetSurvey, way: _Way, address: int, row: Mapping[str, Any], generations: Mapping[str | None, Any]
) -> RouteException:
    first = way.routes[0]
    # IPsec makes exceptions that only name a gateway, and never expire
    (expires,) = survey.seconds([row["expires"] or None])
    mtu, locked = row["mtu"] or None, bool(row["locked"])
    metrics, locks = _with_mtu(first.metrics, first.locked, mtu if expires is not None else None, locked)
    return RouteException(
        **_facts(way),
        destination=quad(survey, row["destination"]), source_prefix=None,
        gateway=quad(survey, row["gateway"]) if row["gateway"] else way.hop.gateway, device=way.hop.device,
        mtu=mtu, mtu_locked=locked, redirected=bool(row["gateway"]),
        stale=generations.get(first.netns, row["generation"]) != row["generation"]
        or (expires is not None and expires < 0),
        was_used=bool(row["input"] or row["output"]), expires_seconds=expires, metrics=metrics, locked=locks,
        preference=None, address=address,
    )  # fmt: skip


def _with_mtu(
    metrics: Mapping[str, int | str], locked: Sequence[str], mtu: int | None, lock: bool,  # noqa: FBT001 - a flag of the kernel's
) -> tuple[dict[str, int | str], tuple[str, ...]]:  # fmt: skip
    """A route's metrics with the mtu of an exception, in the order of metrics."""
    every = {**metrics, **({_MTU: mtu} if mtu else {})}
    locks = {*locked, *([_MTU] if mtu and lock else [])}
    return {n: every[n] for n in METRICS if n in every}, tuple(n for n in METRICS if n in locks)


# IPv6

_RT6 = {
    "destination": ("rt6i->rt6i_dst.addr",),
    "length": ("rt6i->rt6i_dst.plen",),
    # without CONFIG_IPV6_SUBTREES there is none
    "source": ("rt6i->rt6i_src.addr",),
    "source_length": ("rt6i->rt6i_src.plen",),
    "gateway": ("rt6i->rt6i_gateway",),
    "flags": ("rt6i->rt6i_flags",),
    "expires": ("rt6i->dst.expires",),
    "metrics": ("rt6i->dst._metrics",),
    "device": ("rt6i->dst.dev->name",),
}


def _ipv6(
    survey: NetSurvey, routes: Sequence[Route], shared: Mapping[int, Shared]
) -> Iterator[RouteException]:
    kernel, kind, one = survey.kernel, "struct fib6_nh", "struct rt6_exception"
    start = kernel.offset("struct fib6_info", "fib6_nh")
    own = {route.address: [at + start for at in _siblings(survey, route)] for route in routes}
    # 5.3 (cc5c073a693f) moved them from routes to next hops
    table = kernel.path(kind, "rt6i_exception_bucket")
    ways = _ways(survey, routes, shared, own, _Form(kind, table, "fib6_nh"))
    fields = Fields(kernel, one, _RT6, ("destination", "gateway", "flags", "metrics"))
    metrics = Metrics(survey)
    step, shift = kernel.sizeof("struct rt6_exception_bucket"), kernel.offset(one, "hlist")
    found = _hanging(survey, ways.values(), one, "hlist.next", count=_BUCKETS6, step=step, shift=shift)
    for way, address, row in _rows(survey, fields, found):
        if row["flags"] is not None:
            yield _exception6(survey, way, address, row, metrics)


def _siblings(survey: NetSurvey, route: Route) -> list[int]:
    """The ``struct fib6_info`` of each next hop of a route: the first one has a list of the others."""
    if len(route.nexthops) < 2 or route.nexthop_id is not None:
        return [route.address]
    kernel, kind = survey.kernel, "struct fib6_info"
    head = route.address + kernel.offset(kind, "fib6_siblings")
    others = kernel.walk_list(head, kind, "fib6_siblings")
    survey.walked(others, "ways of IPv6 routes")
    return [route.address, *others.addresses]


def _exception6(
    survey: NetSurvey, way: _Way, address: int, row: Mapping[str, Any], metrics: Metrics
) -> RouteException:
    flags = row["flags"]
    (expires,) = survey.seconds([row["expires"] if flags & _EXPIRES else None])
    known = metrics.named(_metric_values(survey, row["metrics"]))
    mtu = known.get("metrics", {}).get(_MTU)
    return RouteException(
        **_facts(way),
        destination=prefix_text(ipv6(row["destination"]), row["length"], _WHOLE),
        source_prefix=(
            prefix_text(ipv6(row["source"]), row["source_length"], _WHOLE) if row["source_length"] else None
        ),
        gateway=ipv6(row["gateway"]) if flags & _GATEWAY else None, device=row["device"],
        mtu=mtu, mtu_locked=_MTU in known.get("locked", ()), redirected=bool(flags & _DYNAMIC),
        stale=expires is not None and expires < 0, was_used=True, expires_seconds=expires,
        metrics=known.get("metrics", {}), locked=known.get("locked", ()),
        preference=PREFERENCES.get(flags >> _PREFERENCE & 3, "medium"), address=address,
    )  # fmt: skip


def _metric_values(survey: NetSurvey, pointer: int | None) -> Sequence[int] | None:
    """The numbers behind a ``dst_entry._metrics``."""
    if not pointer or not pointer & ~_FLAGS:
        return None
    kind = "struct dst_metrics"
    columns = survey.kernel.read_many(kind, [pointer & ~_FLAGS], ["metrics"])
    values: Sequence[int] | None = survey.gaps(columns, _WHAT)["metrics"][0]
    return values


# words


def _text(one: RouteException, *, details: bool) -> Iterator[str]:
    for table in one.route_tables:
        yield " ".join(_words(one, table, details=details))
        if one.family == "inet":
            yield " ".join(("    cache", *_cache_words(one)))


def _words(one: RouteException, table: str, *, details: bool) -> Iterator[str]:
    if details:
        yield "unicast"
    yield one.destination
    if one.source_prefix is not None:
        yield f"from {one.source_prefix}"
    if one.gateway is not None:
        yield via(one.gateway, one.family)
    if one.device is not None:
        yield f"dev {printable(one.device)}"
    if details or table != "main":
        yield f"table {table}"
    if one.family == "inet6":
        yield f"metric {one.metric}"
        yield from _cache_words(one)
        yield f"pref {one.preference}"


def _cache_words(one: RouteException) -> Iterator[str]:
    if one.redirected and one.family == "inet":
        yield "<redirected>"
    if one.expires_seconds is not None:
        yield f"expires {int(one.expires_seconds)}sec"
    yield from metric_words(one.metrics, one.locked)
    # iproute2 has no words for these
    if one.stale:
        yield "(stale)"
    elif not one.was_used:
        yield "(not used yet)"
