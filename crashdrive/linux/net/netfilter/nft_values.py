"""Keys and values of nf_tables' sets as text, by the types that nft notes in each set.

Source: nft's include/datatype.h (the numbers are kept in rule sets: they don't change).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from crashdrive.linux.net.addresses import ipv4, ipv6, mac
from crashdrive.linux.net.netfilter.nft_words import bits
from crashdrive.linux.net.netfilter.xt_text import protocol, word

VERDICT = 0xFFFF_FF00  # NFT_DATA_VERDICT
_NAMES = (
    "invalid verdict nf_proto bitmask integer string ll_addr ipv4_addr ipv6_addr ether_addr ether_type "
    "arp_op inet_proto inet_service icmp_type tcp_flag dccp_pkttype mh_type time mark iface_index iface_type "
    "realm classid uid gid ct_state ct_dir ct_status icmpv6_type ct_label pkt_type icmp_code icmpv6_code "
    "icmpx_code devgroup dscp ecn fib_addrtype boolean ct_event ifname igmp_type date hour day cgroupsv2"
)
TYPES = _NAMES.split()
_SIZES = {
    "nf_proto": 1, "ipv4_addr": 4, "ipv6_addr": 16, "ether_addr": 6, "ether_type": 2, "arp_op": 2,
    "inet_proto": 1, "inet_service": 2, "icmp_type": 1, "tcp_flag": 1, "time": 8, "mark": 4, "iface_index": 4,
    "iface_type": 2, "realm": 4, "classid": 4, "uid": 4, "gid": 4, "ct_state": 4, "ct_dir": 1, "ct_status": 4,
    "icmpv6_type": 1, "ct_label": 16, "pkt_type": 1, "icmp_code": 1, "icmpv6_code": 1, "devgroup": 4,
    "dscp": 1, "ecn": 1, "fib_addrtype": 4, "ifname": 16, "date": 8, "hour": 4, "day": 1,
}  # fmt: skip
# types in the machine's byte order; in sets with intervals, which are compared byte by byte, in network order
_MACHINE = frozenset({"mark", "iface_index", "realm", "classid", "uid", "gid", "devgroup", "ct_state"})
_HEXADECIMAL = frozenset({"mark", "classid"})
_BYTES = frozenset({"icmp_type", "icmpv6_type", "icmp_code", "icmpv6_code", "dscp", "day"})
_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
_SHIFT = 6


def parts(number: int) -> list[int]:
    """The types in a concatenated type, each in six bits."""
    found: list[int] = []
    while number:
        found.insert(0, number & (1 << _SHIFT) - 1)
        number >>= _SHIFT
    return found


def type_name(number: int) -> str:
    """A type's name in nft: ``ipv4_addr . inet_service``; its number where it has no name."""
    if number == VERDICT:
        return "verdict"
    numbers = parts(number)
    if any(one >= len(TYPES) for one in numbers):
        return str(number)
    return " . ".join(TYPES[one] for one in numbers)


def text(number: int, raw: bytes, order: str, *, lengths: Sequence[int] = (), ordered: bool = False) -> str:
    """A value as text; ``lengths``: of its parts, where the set notes them, ``ordered``: in network order."""
    kinds = [TYPES[one] if one < len(TYPES) else "" for one in parts(number)]
    if len(kinds) < 2:
        return _simple(kinds[0] if kinds else "", raw, order, ordered=ordered)
    said, at = [], 0
    for place, kind in enumerate(kinds):
        size = lengths[place] if place < len(lengths) else _SIZES.get(kind)
        if size is None or at + size > len(raw):
            return raw.hex()
        said.append(_simple(kind, raw[at : at + size], order, ordered=ordered))
        at += -(-size // 4) * 4
    return " . ".join(said)


_WORDS: Mapping[str, Callable[[bytes], str]] = {
    "ipv4_addr": ipv4,
    "ipv6_addr": ipv6,
    "ether_addr": mac,
    "ifname": word,
    "string": word,
    "inet_service": lambda raw: str(int.from_bytes(raw, "big")),
    "inet_proto": lambda raw: protocol(raw[0]),
}


def _simple(kind: str, raw: bytes, order: str, *, ordered: bool) -> str:
    """A value of a single type; in hexadecimal where the type is unknown, or the length doesn't fit."""
    size = _SIZES.get(kind, len(raw))
    if len(raw) == 2 * size:  # of a map to prefixes
        return "-".join(_simple(kind, part, order, ordered=ordered) for part in (raw[:size], raw[size:]))
    if len(raw) != size:
        return raw.hex()
    if kind in _WORDS:
        return _WORDS[kind](raw)
    if kind in _MACHINE:
        number = int.from_bytes(raw, "big" if ordered or order == ">" else "little")
        return _number(kind, number)
    return str(raw[0]) if kind in _BYTES else raw.hex()


def _number(kind: str, number: int) -> str:
    if kind == "ct_state":
        return ",".join(bits(number, _STATES))
    return hex(number) if kind in _HEXADECIMAL else str(number)
