"""Rows of routes and their next hops."""

from __future__ import annotations

import msgspec

from crashdrive.records import Address, Bits, Record


class NextHop(Record, frozen=True):
    """A next hop: ``gateway`` (of either family) and ``device``, None where it has none.

    ``flags``: the set ones of RTNH_F_* (``onlink``, ``linkdown``, ``dead``, ...), or ``unread`` alone where
    the dump lacks the next hop. ``encapsulation``: as iproute2 words it (``mpls 100/200``).
    """

    gateway: str | None
    device: str | None
    weight: int
    flags: tuple[str, ...] = ()
    scope: str | None = None
    encapsulation: str | None = None


class Route(Record, frozen=True):
    """A route of either family.

    ``table``: its name (``main``, ``local``, ``default``) or number. ``destination``: 0.0.0.0 or :: with
    ``prefix_length`` 0 for the default. ``nexthops``: all next hops; ``gateway`` and ``device`` are those of
    the only one, None for several. ``metric``: the priority, ``metrics``: those for its connections (``mtu``,
    ``advmss``, ...: in the kernel's units, bytes and milliseconds, rtt in 1/8 and rttvar in 1/4 of these),
    ``locked``: metrics that the kernel must not change. ``source``: the preferred source address,
    ``source_prefix``: the only source that the route is for. ``nexthop_id``: of a shared nexthop object,
    ``nexthop``: its text. ``rtf_flags``: the RTF_* of an IPv6 route, None for IPv4. ``address`` of its
    ``struct fib_info`` or ``fib6_info``. ``lines`` as iproute2 prints it, line by line.
    """

    family: str
    table: str
    type: str
    destination: str
    prefix_length: int
    gateway: str | None
    device: str | None
    metric: int
    scope: str
    protocol: str
    source: str | None
    netns: str | None
    address: Address
    tos: int = 0
    source_prefix: str | None = None
    nexthop_id: int | None = None
    nexthop: str | None = None
    encapsulation: str | None = None
    flags: tuple[str, ...] = ()
    metrics: dict[str, int | str] = msgspec.field(default_factory=dict)
    locked: tuple[str, ...] = ()
    expires_seconds: float | None = None
    preference: str | None = None
    nexthops: tuple[NextHop, ...] = ()
    rtf_flags: Bits | None = None
    lines: tuple[str, ...] = ()
