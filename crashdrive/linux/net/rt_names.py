"""Names of the numbers of rtnetlink: tables, scopes, types, protocols.

Sources: include/uapi/linux/rtnetlink.h, fib_rules.h; iproute2's etc/iproute2/rt_protos. iproute2 has the
names below built in, for hosts without these files.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLES = {253: "default", 254: "main", 255: "local"}
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
TYPES = {
    0: "none", 1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole",
    7: "unreachable", 8: "prohibit", 9: "throw", 10: "nat", 11: "xresolve",
}  # fmt: skip
PROTOCOLS = {
    0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt",
    11: "zebra", 12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 18: "keepalived",
    42: "babel", 99: "openr", 186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
}  # fmt: skip
PREFERENCES = {0: "medium", 1: "high", 3: "low"}
IP_PROTOCOLS = {
    1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 51: "ah",
    58: "ipv6-icmp", 132: "sctp", 136: "udplite",
}  # fmt: skip


def named(names: Mapping[int, str], number: int) -> str:
    """The name of a number, or the number as text."""
    return names.get(number) or str(number)
