"""Targets of iptables (``-j NAME ...``): arguments by name and revision, worded as iptables-save words them.

Sources: include/uapi/linux/netfilter/xt_*.h, nf_nat.h, netfilter_ipv4/ipt_*.h, netfilter_ipv6/ip6t_*.h.
"""

from __future__ import annotations

from crashdrive.linux.net.netfilter.xt_text import (
    Data,
    Decoder,
    Unknown,
    chosen,
    flags,
    joined,
    option,
    quoted,
    span,
    word,
)

# enum ipt_reject_with, enum ip6t_reject_with; the echo reply is gone since 2.6
_REJECT = {
    0: "icmp-net-unreachable",
    1: "icmp-host-unreachable",
    2: "icmp-proto-unreachable",
    3: "icmp-port-unreachable",
    5: "icmp-net-prohibited",
    6: "icmp-host-prohibited",
    7: "tcp-reset",
    8: "icmp-admin-prohibited",
}
_REJECT6 = {
    0: "icmp6-no-route",
    1: "icmp6-adm-prohibited",
    3: "icmp6-addr-unreachable",
    4: "icmp6-port-unreachable",
    6: "tcp-reset",
    7: "icmp6-policy-fail",
    8: "icmp6-reject-route",
}
_USUAL_LEVEL = 4
_LOG = {
    1: "--log-tcp-sequence",
    2: "--log-tcp-options",
    4: "--log-ip-options",
    8: "--log-uid",
    0x20: "--log-macdecode",
}
# include/uapi/linux/netfilter/nf_nat.h
_MAP_ADDRESSES, _PORTS_GIVEN = 1, 2
_NAT = {4: "--random", 0x10: "--random-fully", 8: "--persistent"}
_OFFSET = 0x20
_PATH_MTU = 0xFFFF


def _mark(data: Data) -> str:
    value, mask = data.get("2I")
    return option("set-xmark", f"{value:#x}/{mask:#x}")


def _connection_mark(data: Data, place: int = 12) -> str:
    mark, mask, packet_mask = data.get("3I")
    mode = data.one("B", place)
    if mode == 0:
        return option("set-xmark", f"{mark:#x}/{mask:#x}")
    said = chosen(("", "save-mark", "restore-mark"), mode)
    return f"--{said} --nfmask {packet_mask:#x} --ctmask {mask:#x}"


def _shifted_mark(data: Data) -> str:
    _, bits = data.get("2B", 12)
    if bits:
        raise Unknown("shift")
    return _connection_mark(data, 14)


def _log(data: Data) -> str:
    level, given = data.get("2B")
    prefix = word(data.raw[2:32])
    parts = [
        *([option("log-prefix", quoted(prefix))] if prefix else []),
        *([option("log-level", level)] if level != _USUAL_LEVEL else []),
        *flags(given & ~16, _LOG),
    ]
    return joined(parts)


def _reject(data: Data) -> str:
    names = _REJECT6 if data.family == "ipv6" else _REJECT
    return option("reject-with", chosen(names, data.one("I")))


def _old_range(data: Data) -> tuple[int, str, str]:
    """``struct nf_nat_ipv4_multi_range_compat``: flags, addresses, ports."""
    count, given = data.get("2I")
    if count != 1:
        raise Unknown(f"{count} ranges")
    return given, span(data.address(8), data.address(12), "-"), span(data.port(16), data.port(18), "-")


def _new_range(data: Data) -> tuple[int, str, str]:
    """``struct nf_nat_range``, the beginning of ``struct nf_nat_range2``, too."""
    return (
        data.one("I"),
        span(data.address(4), data.address(20), "-"),
        span(data.port(36), data.port(38), "-"),
    )


def _range(data: Data, revision: int) -> tuple[int, str, str]:
    return _old_range(data) if revision == 0 and data.family == "ipv4" else _new_range(data)


def _mapped(name: str, revision: int) -> Decoder:
    """Of SNAT and DNAT: addresses, ports, and how one of them is chosen."""

    def decode(data: Data) -> str:
        given, addresses, numbers = _range(data, revision)
        if given & _OFFSET:
            numbers += f"/{data.port(40)}"
        text = ""
        if given & _MAP_ADDRESSES:
            ports = given & _PORTS_GIVEN and data.family == "ipv6"
            text = f"[{addresses}]" if ports else addresses
        if given & _PORTS_GIVEN:
            text += f":{numbers}"
        return joined([option(name, text), *flags(given & ~0x23, _NAT)])

    return decode


def _to_ports(data: Data) -> str:
    """Of MASQUERADE and REDIRECT, whose address is that of the interface."""
    given, _, numbers = _range(data, 0)
    said = [option("to-ports", numbers)] if given & _PORTS_GIVEN else []
    return joined([*said, *flags(given & ~3, _NAT)])


def _segment_size(data: Data) -> str:
    size = data.one("H")
    return "--clamp-mss-to-pmtu" if size == _PATH_MTU else option("set-mss", size)


def _classify(data: Data) -> str:
    value = data.one("I")
    return option("set-class", f"{value >> 16:04x}:{value & 0xFFFF:04x}")


def _dscp(data: Data) -> str:
    return option("set-dscp", f"{data.one('B'):#04x}")


def _tos(data: Data) -> str:
    value, mask = data.get("2B")
    return option("set-tos", f"{value:#04x}/{mask:#04x}")


def _hops(name: str) -> Decoder:
    def decode(data: Data) -> str:
        how, number = data.get("2B")
        return option(f"{name}-{chosen(('set', 'inc', 'dec'), how)}", number)

    return decode


def _nflog(data: Data) -> str:
    length, group, threshold, given = data.get("I3H")
    prefix = word(data.raw[12:76])
    parts = [
        *([option("nflog-prefix", quoted(prefix))] if prefix else []),
        *([option("nflog-group", group)] if group else []),
        *([option("nflog-size" if given & 1 else "nflog-range", length)] if length or given & 1 else []),
        *([option("nflog-threshold", threshold)] if threshold else []),
    ]
    return joined(parts)


def _queue(revision: int) -> Decoder:
    def decode(data: Data) -> str:
        first = data.one("H")
        count = data.one("H", 2) if revision else 1
        given = data.one("H", 4) if revision > 1 else 0
        said = f"--queue-balance {first}:{first + count - 1}" if count > 1 else f"--queue-num {first}"
        return joined([said, *flags(given, {1: "--queue-bypass", 2: "--queue-cpu-fanout"})])

    return decode


def _nothing(data: Data) -> str:
    if any(data.raw):
        raise Unknown("arguments")
    return ""


TARGETS: dict[tuple[str, int], Decoder] = {
    ("MARK", 2): _mark,
    ("CONNMARK", 1): _connection_mark,
    ("CONNMARK", 2): _shifted_mark,
    ("LOG", 0): _log,
    ("REJECT", 0): _reject,
    ("MASQUERADE", 0): _to_ports,
    ("REDIRECT", 0): _to_ports,
    ("TCPMSS", 0): _segment_size,
    ("CLASSIFY", 0): _classify,
    ("DSCP", 0): _dscp,
    ("TOS", 1): _tos,
    ("TTL", 0): _hops("ttl"),
    ("HL", 0): _hops("hl"),
    ("NFLOG", 0): _nflog,
    ("NOTRACK", 0): _nothing,
    ("TRACE", 0): _nothing,
}
TARGETS |= {("NFQUEUE", revision): _queue(revision) for revision in range(4)}
for _name, _option in (("SNAT", "to-source"), ("DNAT", "to-destination")):
    TARGETS |= {(_name, revision): _mapped(_option, revision) for revision in range(3)}
