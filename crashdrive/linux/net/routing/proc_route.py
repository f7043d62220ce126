"""Routes as /proc/net/route and /proc/net/ipv6_route have them, and ``netstat -r`` prints them.

Sources: net/ipv4/fib_trie.c (fib_route_seq_show), net/ipv6/ip6_fib.c (ipv6_route_native_seq_show),
net-tools' lib/inet_gr.c and inet6_gr.c for the letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashdrive.linux.net.routing.rows import NextHop, Route
from crashdrive.records import Bits, Record

_UP, _GATEWAY, _HOST, _REJECT = 1, 2, 4, 0x200
_REJECTED = frozenset({"unreachable", "prohibit"})
# IPv4 shows none of these
_HIDDEN = frozenset({"broadcast", "multicast"})
_LETTERS = (
    (_GATEWAY, "G"), (_HOST, "H"), (0x1_0000, "D"), (0x4_0000, "A"), (0x100_0000, "C"), (0x2_0000, "a"),
    (0x40_0000, "e"), (0x20, "m"), (0x20_0000, "n"),
)  # fmt: skip
_HEADERS = 40  # headers of IPv4 and TCP: mss is advmss and these


class ClassicRoute(Record, frozen=True):
    """A line of ``netstat -r``: one for each next hop of a route.

    ``genmask`` is IPv4's, None for IPv6, whose destination has a length instead. ``flags``: ``U`` up or ``!``
    rejected, ``G`` gateway, ``H`` host; of IPv6 also ``D`` default, ``A`` by autoconfiguration, ``C`` cached,
    ``a`` on link, ``e`` expires, ``m`` modified, ``n`` no next hop. ``flag_bits`` are the RTF_* behind them.
    ``mss`` and ``window`` in bytes.
    """

    family: str
    netns: str | None
    destination: str
    gateway: str
    genmask: str | None
    flags: str
    flag_bits: Bits
    metric: int
    device: str | None
    mss: int | None
    window: int | None
    irtt_msec: int | None


def classic_routes(routes: Sequence[Route]) -> list[ClassicRoute]:
    """The lines of /proc/net: of IPv4 the main table, of IPv6 all tables."""
    return [line for route in routes for line in _lines(route)]


def _lines(route: Route) -> Iterator[ClassicRoute]:
    if route.family == "inet6":
        own = NextHop(gateway=route.gateway, device=route.device, weight=1)
        yield from (_line6(route, hop) for hop in route.nexthops or (own,))
    elif route.table == "main" and route.type not in _HIDDEN:
        yield classic_route(route)


def classic_route(route: Route) -> ClassicRoute:
    """A route of IPv4, of any table, as /proc/net/route has the main one's: its first next hop."""
    first = route.nexthops[0] if route.nexthops else None
    gateway = first.gateway if first else route.gateway
    bits = _UP | (_REJECT if route.type in _REJECTED else 0)
    bits |= _GATEWAY if gateway is not None else 0
    bits |= _HOST if route.prefix_length == 32 else 0  # bits
    values = {name: route.metrics.get(name, 0) for name in ("advmss", "window", "rtt")}
    advmss, window, rtt = (value if isinstance(value, int) else 0 for value in values.values())
    return ClassicRoute(
        family=route.family, netns=route.netns, destination=route.destination,
        gateway=gateway or "0.0.0.0",  # noqa: S104 # as it is printed, not to bind to
        genmask=_mask(route.prefix_length), flags=letters(bits, bits), flag_bits=bits, metric=route.metric,
        device=first.device if first else route.device, mss=advmss and advmss + _HEADERS, window=window,
        irtt_msec=rtt >> 3,
    )  # fmt: skip


def _mask(length: int) -> str:
    bits = (0xFFFF_FFFF << (32 - length)) & 0xFFFF_FFFF
    return ".".join(str(byte) for byte in bits.to_bytes(4, "big"))


def _line6(route: Route, hop: NextHop) -> ClassicRoute:
    bits = (route.rtf_flags or 0) | (_GATEWAY if hop.gateway is not None else 0)
    return ClassicRoute(
        family=route.family, netns=route.netns, destination=f"{route.destination}/{route.prefix_length}",
        gateway=hop.gateway or "::", genmask=None, flags=letters(bits, bits | _UP), flag_bits=bits,
        metric=route.metric, device=hop.device, mss=None, window=None, irtt_msec=None,
    )  # fmt: skip


def letters(bits: int, up: int) -> str:
    """RTF_* as net-tools' letters."""
    first = "!" if bits & _REJECT else "U" if up & _UP else ""
    return first + "".join(letter for bit, letter in _LETTERS if bits & bit)
