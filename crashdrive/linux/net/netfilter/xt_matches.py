"""Matches of iptables (``-m NAME ...``): arguments by name and revision, worded as iptables-save words them.

Sources: include/uapi/linux/netfilter/xt_*.h, netfilter_ipv4/ipt_*.h, netfilter_ipv6/ip6t_*.h.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.addresses import mac
from crashdrive.linux.net.netfilter.xt_text import (
    Data,
    Decoder,
    Unknown,
    address,
    chosen,
    flags,
    joined,
    option,
    ports,
    prefix,
    quoted,
    span,
    word,
)

_TCP_FLAGS = {1: "FIN", 2: "SYN", 4: "RST", 8: "PSH", 0x10: "ACK", 0x20: "URG"}
_ANY_TYPE = 0xFF
# struct xt_rateinfo counts in ten thousandths of a second
_RATES = ((864_000_000, "day"), (36_000_000, "hour"), (600_000, "min"), (10_000, "sec"))
_USUAL_BURST = 5
_STATES = {1: "INVALID", 8: "NEW", 4: "RELATED", 2: "ESTABLISHED"}
_STATUS = {1: "EXPECTED", 2: "SEEN_REPLY", 4: "ASSURED", 8: "CONFIRMED"}
_TYPES = "UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT THROW NAT XRESOLVE"
_ROUTE_TYPES = {1 << number: name for number, name in enumerate(_TYPES.split())}


def _tcp(data: Data) -> str:
    low, high, to_low, to_high, number, mask, compare, inverted = data.get("4H4B")
    parts = ports("sport", low, high, inverted=inverted & 1) + ports(
        "dport", to_low, to_high, inverted=inverted & 2
    )
    if number or inverted & 8:
        parts.append(option("tcp-option", number, inverted=inverted & 8))
    if mask or inverted & 4:
        said = f"{_tcp_flags(mask)} {_tcp_flags(compare)}"
        parts.append(option("tcp-flags", said, inverted=inverted & 4))
    return joined(parts)


def _tcp_flags(bits: int) -> str:
    return ",".join(flags(bits, _TCP_FLAGS)) or "NONE"


def _udp(data: Data) -> str:
    low, high, to_low, to_high, inverted = data.get("4HB")
    sources = ports("sport", low, high, inverted=inverted & 1)
    return joined(sources + ports("dport", to_low, to_high, inverted=inverted & 2))


def _sctp(data: Data) -> str:
    to_low, to_high, low, high = data.get("4H")
    given, inverted = data.get("2I", 284)
    if given & ~3:
        raise Unknown("chunk types")
    sources = ports("sport", low, high, inverted=inverted & 1) if given & 1 else []
    return joined(sources + (ports("dport", to_low, to_high, inverted=inverted & 2) if given & 2 else []))


def _icmp(name: str) -> Decoder:
    def decode(data: Data) -> str:
        kind, low, high, inverted = data.get("4B")
        code = "" if (low, high) == (0, 255) else f"/{low}"
        if low != high and code:
            raise Unknown(f"codes {low} to {high}")
        said = "any" if kind == _ANY_TYPE and name == "icmp-type" else f"{kind}{code}"
        return option(name, said, inverted=inverted & 1)

    return decode


def _multiport(data: Data) -> str:
    which, count = data.get("2B")
    # a flag at a port says that the next port is the end of its range
    numbers, marks = data.get("15H", 2), data.get("15B", 32)
    text = ""
    for number, (port, mark) in enumerate(zip(numbers[:count], marks, strict=False)):
        last = number + 1 >= count
        text += f"{port}" if last else f"{port}:" if mark else f"{port},"
    name = chosen(("sports", "dports", "ports"), which)
    return option(name, text, inverted=data.one("B", 47))


def masked(value: int, mask: int) -> str:
    """A number with its mask, unless that is all ones."""
    return f"{value:#x}" if mask == (1 << 32) - 1 else f"{value:#x}/{mask:#x}"


def _mark(data: Data) -> str:
    value, mask, inverted = data.get("2IB")
    return option("mark", masked(value, mask), inverted=inverted)


def _comment(data: Data) -> str:
    return option("comment", quoted(word(data.raw[:256])))


def rate(period: int) -> str:
    """``7/hour`` out of a period in ten thousandths of a second: the smallest unit that divides well."""
    best = _RATES[0]
    for unit, name in _RATES[1:]:
        if period > unit or unit // period < unit % period:
            break
        best = (unit, name)
    return f"{best[0] // period}/{best[1]}"


def _limit(data: Data) -> str:
    period, burst = data.get("2I")
    if not period:
        raise Unknown("no period")
    parts = [option("limit", rate(period))]
    return joined(parts + ([option("limit-burst", burst)] if burst != _USUAL_BURST else []))


def _state(data: Data) -> str:
    return option("state", ",".join(flags(data.one("I"), _STATES | {64: "UNTRACKED"})))


def _conntrack(*, wide: bool, ranges: bool) -> Decoder:
    """The match conntrack: revision 1 has masks of a byte (not ``wide``), 3 has ``ranges`` of ports."""

    def decode(data: Data) -> str:
        given, inverted = data.get("2H", 146)
        states, status = data.get("2H" if wide else "2B", 150)
        numbers = _conntrack_numbers(data, given, inverted, states, status, ranges=ranges)
        return joined(numbers)

    return decode


def _conntrack_numbers(
    data: Data, given: int, inverted: int, states: int, status: int, *, ranges: bool
) -> Iterator[str]:
    if given & 1:
        known = _STATES | {256: "UNTRACKED", 64: "SNAT", 128: "DNAT"}
        name = "state" if given & 1 << 13 else "ctstate"
        yield option(name, ",".join(flags(states, known)), inverted=inverted & 1)
    if given & 2:
        yield option("ctproto", data.one("H", 136), inverted=inverted & 2)
    for number, name in enumerate(("ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst")):
        if given & 4 << number:
            place = 32 * number
            text = data.address(place) + _short_prefix(data.union(place + 16))
            yield option(name, text, inverted=inverted & 4 << number)
    for number, name in enumerate(("ctorigsrcport", "ctorigdstport", "ctreplsrcport", "ctrepldstport")):
        if given & 256 << number:
            place = 138 + 2 * number
            low = data.one("H", place) if ranges else data.port(place)
            high = data.one("H", 154 + 2 * number) if ranges else low
            yield option(name, span(low, high), inverted=inverted & 256 << number)
    if given & 64:
        yield option("ctstatus", ",".join(flags(status, _STATUS)) or "NONE", inverted=inverted & 64)
    if given & 128:
        yield option("ctexpire", span(*data.get("2I", 128)), inverted=inverted & 128)
    if given & 4096:
        yield option("ctdir", "REPLY" if inverted & 4096 else "ORIGINAL")


def _short_prefix(mask: bytes) -> str:
    return "" if mask == b"\xff" * len(mask) else prefix(mask)


def _iprange(data: Data) -> str:
    given = data.one("B", 64)
    parts = [
        option(name, f"{data.address(at)}-{data.address(at + 16)}", inverted=given & bit << 4)
        for name, at, bit in (("src-range", 0, 1), ("dst-range", 32, 2))
        if given & bit
    ]
    return joined(parts)


def _length(name: str) -> Decoder:
    def decode(data: Data) -> str:
        low, high, inverted = data.get("2HB")
        return option(name, span(low, high), inverted=inverted)

    return decode


def _hops(name: str) -> Decoder:
    def decode(data: Data) -> str:
        how, number = data.get("2B")
        which = chosen(("eq", "eq", "lt", "gt"), how)
        return option(f"{name}-{which}", number, inverted=how == 1)

    return decode


def _mac(data: Data) -> str:
    return option("mac-source", mac(data.raw[:6]), inverted=data.one("I", 8))


def _packet_type(data: Data) -> str:
    kind, inverted = data.get("2I")
    return option("pkt-type", chosen(("unicast", "broadcast", "multicast"), kind), inverted=inverted)


def _address_type(data: Data) -> str:
    source, destination = data.get("2H")
    given = data.one("I", 4)
    parts = [
        option(name, ",".join(flags(kinds, _ROUTE_TYPES)), inverted=given & bit)
        for name, kinds, bit in (("src-type", source, 1), ("dst-type", destination, 2))
        if kinds
    ]
    parts += flags(given & ~3, {4: "--limit-iface-in", 8: "--limit-iface-out"})
    return joined(parts)


def _statistic(data: Data) -> str:
    mode, inverted = data.get("2H")
    one, packet = data.get("2I", 4)
    sign = "! " if inverted & 1 else ""
    if chosen(("random", "nth"), mode) == "nth":
        return f"--mode nth {sign}--every {one + 1} --packet {packet}"
    return f"--mode random {sign}--probability {one / (1 << 31):.11f}"


def _dscp(data: Data) -> str:
    value, inverted = data.get("2B")
    return option("dscp", f"{value:#04x}", inverted=inverted)


def _tos(data: Data) -> str:
    mask, value, inverted = data.get("3B")
    return option("tos", f"{value:#04x}/{mask:#04x}", inverted=inverted)


def _helper(data: Data) -> str:
    return option("helper", quoted(word(data.raw[4:34])), inverted=data.one("I"))


def _string(data: Data) -> str:
    start, end = data.get("2H")
    algorithm, length = word(data.raw[4:20]), data.one("B", 148)
    pattern, given = data.raw[20 : 20 + length], data.one("B", 149)
    parts = [
        option("string", f'"{_pattern(pattern)}"', inverted=given & 1),
        option("algo", algorithm),
        *([option("from", start)] if start else []),
        *([option("to", end)] if end != 0xFFFF else []),
        *(["--icase"] if given & 2 else []),
    ]
    return joined(parts)


def _pattern(raw: bytes) -> str:
    """Printable text as it is; other patterns are shown as hexadecimal strings."""
    text = raw.decode("latin-1")
    if not raw.isascii() or not text.isprintable() or "|" in text:
        raise Unknown("bytes")
    return "".join(f"\\{sign}" if sign in '"\\' else sign for sign in text)


def _owner(data: Data) -> str:
    user, last_user, group, last_group = data.get("4I")
    given, inverted = data.get("2B", 16)
    parts = [
        *([option("socket-exists", inverted=inverted & 4)] if given & 4 else []),
        *([option("uid-owner", span(user, last_user, "-"), inverted=inverted & 1)] if given & 1 else []),
        *([option("gid-owner", span(group, last_group, "-"), inverted=inverted & 2)] if given & 2 else []),
        *(["--suppl-groups"] if given & 8 else []),
    ]
    return joined(parts)


def _recent(data: Data) -> str:
    seconds, hits = data.get("2I")
    given, inverted = data.get("2B", 8)
    name, side = word(data.raw[10:210]), data.one("B", 210)
    mask = address(data.union(212))
    what = flags(given & ~16, {1: "--rcheck", 2: "--set", 4: "--update", 8: "--remove", 32: "--reap"})
    parts = [
        *([f"! {what[0]}"] if inverted and what else what[:1]),
        *([option("seconds", seconds)] if seconds else []),
        *what[1:],
        *([option("hitcount", hits)] if hits else []),
        *(["--rttl"] if given & 16 else []),
        option("name", quoted(name)),
        option("mask", mask),
        "--rdest" if side else "--rsource",
    ]
    return joined(parts)


_HOPS = {("ttl", 0): _hops("ttl"), ("hl", 0): _hops("hl")}
MATCHES: dict[tuple[str, int], Decoder] = {
    ("tcp", 0): _tcp,
    ("udp", 0): _udp,
    ("udplite", 0): _udp,
    ("sctp", 0): _sctp,
    ("icmp", 0): _icmp("icmp-type"),
    ("icmp6", 0): _icmp("icmpv6-type"),
    ("multiport", 1): _multiport,
    ("mark", 1): _mark,
    ("connmark", 1): _mark,
    ("comment", 0): _comment,
    ("limit", 0): _limit,
    ("state", 0): _state,
    ("conntrack", 1): _conntrack(wide=False, ranges=False),
    ("conntrack", 2): _conntrack(wide=True, ranges=False),
    ("conntrack", 3): _conntrack(wide=True, ranges=True),
    ("iprange", 1): _iprange,
    ("length", 0): _length("length"),
    ("tcpmss", 0): _length("mss"),
    ("mac", 0): _mac,
    ("pkttype", 0): _packet_type,
    ("addrtype", 1): _address_type,
    ("statistic", 0): _statistic,
    ("dscp", 0): _dscp,
    ("tos", 1): _tos,
    ("helper", 0): _helper,
    ("string", 1): _string,
    ("owner", 1): _owner,
    ("recent", 1): _recent,
} | _HOPS
