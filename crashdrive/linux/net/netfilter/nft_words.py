"""The words of nf_tables' expressions, as libnftnl has them (``nft --debug=netlink list ruleset``).

Sources: include/uapi/linux/netfilter/nf_tables.h, include/net/netfilter/nf_tables_core.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

UNKNOWN = "?"
# include/uapi/linux/netfilter.h; NFPROTO_*
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
JUMP, GOTO = -3, -4
_VERDICTS = {
    0: "drop", 1: "accept", 2: "stolen", 3: "queue", 4: "repeat", -1: "continue", -2: "break", JUMP: "jump",
    GOTO: "goto", -5: "return",
}  # fmt: skip
# a register of 16 bytes is four of 4 bytes; the first is for the verdict
_WIDE, _NARROW_BASE = 4, 8
OBJECTS = {
    1: "counter", 2: "quota", 3: "ct helper", 4: "limit", 5: "ct count", 6: "tunnel", 7: "ct timeout",
    8: "secmark", 9: "ct expectation", 10: "synproxy",
}  # fmt: skip
_META = (
    "len protocol priority mark iif oif iifname oifname iiftype oiftype skuid skgid nftrace rtclassid "
    "secmark nfproto l4proto bri_iifname bri_oifname pkttype cpu iifgroup oifgroup cgroup prandom secpath "
    "iifkind oifkind bri_iifpvid bri_iifvproto time day hour sdif sdifname bri_broute"
)
META = _META.split()
_CONNECTION = (
    "state direction status mark secmark expiration helper l3protocol src dst protocol proto_src proto_dst "
    "label packets bytes avgpkt zone event src_ip dst_ip src_ip6 dst_ip6 id"
)
CONNECTION = _CONNECTION.split()
BASES = ("link", "network", "transport", "inner", "tunnel")
COMPARISONS = ("eq", "neq", "lt", "lte", "gt", "gte")
ROUTE = ("classid", "nexthop4", "nexthop6", "tcpmss", "ipsec")
EXTENSIONS = ("ipv6", "tcpopt", "ipv4", "sctp", "dccp")
_UNITS = {1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}


def register(number: int) -> int:
    """A register's number in netlink; the kernel counts in steps of four bytes."""
    return number // _WIDE if number % _WIDE == 0 else number - _WIDE + _NARROW_BASE


def words(raw: bytes, order: str) -> str:
    """A value as words of four bytes in the machine's order."""
    padded = raw + bytes(-len(raw) % 4)
    little = order == "<"
    numbers = (
        int.from_bytes(padded[at : at + 4], "little" if little else "big") for at in range(0, len(raw), 4)
    )
    return " ".join(f"0x{number:08x}" for number in numbers)


def verdict(code: int) -> str:
    """The name of a verdict's code; a queue's number is in its upper half."""
    signed = code - (1 << 32) if code >> 31 & 1 else code
    return _VERDICTS.get(signed if signed < 0 else signed & 0xFFFF, str(signed))


def named(names: Sequence[str] | Mapping[int, str], number: int) -> str:
    """The name of a number, or the number itself."""
    known = dict(enumerate(names)) if isinstance(names, Sequence) else names
    return known.get(number, str(number))


def bits(number: int, names: Mapping[int, str]) -> list[str]:
    """Names of bits; those without a name as a number."""
    rest = number & ~sum(names)
    return [name for bit, name in names.items() if number & bit] + ([f"{rest:#x}"] if rest else [])


def unit(seconds: int) -> str:
    """The unit of a limit's period."""
    return _UNITS.get(seconds, f"{seconds} seconds")
