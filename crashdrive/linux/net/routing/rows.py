"""Rows of routes and their next hops."""

from __future__ import annotations

import msgspec

from crashdrive.records import Address, Bits, Record


class NextHop(Record, frozen=True):
    """A way out: ``gateway`` (of either family) and ``device``, None where it has none.

    ``flags`` are those of RTNH_F_* that are set (``onlink``, ``linkdown``, ``dead``, ...), or ``unread``
    alone where the dump doesn't hold the next hop; ``encapsulation``
    is what it wraps packets in, as iproute2 words it (``mpls 100/200``).
    """

    gateway: str | None
    device: str | None
    weight: int
    flags: tuple[str, ...] = ()
    scope: str | None = None
    encapsulation: str | None = None


class Route(Record, frozen=True):
    """A route of either family.

    ``table`` by its name (``main``, ``local``, ``default``) or number, ``destination`` 0.0.0.0 or :: with
    ``prefix_length`` 0 where it is the default. ``gateway`` and ``device`` are None for a route with several
    ways: these are in ``nexthops`` (of one that has one way, it is that). ``metric`` is the priority,
    ``metrics`` those for its connections (``mtu``, ``advmss``, ...: as the kernel keeps them, bytes and
    milliseconds, rtt in 1/8 and rttvar in 1/4 of them), ``locked`` those that the kernel must not change.
    ``source`` is the preferred source address, ``source_prefix`` the source that it is for alone.
    ``nexthop_id`` of a shared nexthop object, ``nexthop`` its text. ``rtf_flags`` are the RTF_* of an IPv6
    route, None for IPv4. ``address`` of its ``struct fib_info`` or ``fib6_info``. ``lines`` as iproute2
    prints it, line by line.
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
