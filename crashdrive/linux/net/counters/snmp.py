"""Counters of protocols: what /proc/net/snmp, snmp6, netstat and xfrm_stat show.

Sources: net/ipv4/proc.c, net/ipv6/proc.c, net/xfrm/xfrm_proc.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias

from crashdrive.choices import no_such
from crashdrive.errors import UnknownSymbolError, UnknownTypeError
from crashdrive.kernel.types.paths import target_of
from crashdrive.linux import percpu
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import enumerators
from crashdrive.records import Record


class Counter(Record, frozen=True):
    """A counter of a network namespace; ``group`` and ``name`` as /proc/net/snmp has them.

    ``value`` is None where the dump lacks a part of it.
    """

    netns: str
    group: str
    name: str
    value: int | None


class Names(NamedTuple):
    """A group's counters: its ``struct snmp_mib`` array, and the member of ``struct net`` for its numbers."""

    group: str
    table: str
    member: str


# net/ipv4/proc.c, net/ipv6/proc.c, net/mptcp/mib.c, net/xfrm/xfrm_proc.c, net/tls/tls_proc.c
TABLES = (
    Names("Tcp", "snmp4_tcp_list", "mib.tcp_statistics"),
    Names("Udp", "snmp4_udp_list", "mib.udp_statistics"),
    Names("UdpLite", "snmp4_udp_list", "mib.udplite_statistics"),
    Names("TcpExt", "snmp4_net_list", "mib.net_statistics"),
    Names("IpExt", "snmp4_ipextstats_list", "mib.ip_statistics"),
    Names("MPTcpExt", "mptcp_snmp_list", "mib.mptcp_statistics"),
    Names("Ip6", "snmp6_ipstats_list", "mib.ipv6_statistics"),
    Names("Icmp6", "snmp6_icmp6_list", "mib.icmpv6_statistics"),
    Names("Udp6", "snmp6_udp6_list", "mib.udp_stats_in6"),
    Names("UdpLite6", "snmp6_udplite6_list", "mib.udplite_stats_in6"),
    Names("Xfrm", "xfrm_mib_list", "mib.xfrm_statistics"),
    Names("Tls", "tls_mib_list", "mib.tls_statistics"),
)
_IP = Names("Ip", "snmp4_ipstats_list", "mib.ip_statistics")
_ICMP = Names("Icmp", "icmpmibmap", "mib.icmp_statistics")
# groups that every kernel with IPv4 has
_ALWAYS = frozenset({"Ip", "Tcp", "Udp", "TcpExt", "IpExt"})
# icmp_put() in net/ipv4/proc.c has these words in its text
_ICMP_WORDS = {
    "INMSGS": "InMsgs",
    "INERRORS": "InErrors",
    "CSUMERRORS": "InCsumErrors",
    "OUTMSGS": "OutMsgs",
    "OUTERRORS": "OutErrors",
    "RATELIMITGLOBAL": "OutRateLimitGlobal",
    "RATELIMITHOST": "OutRateLimitHost",
}
Numbered: TypeAlias = tuple[str, int]
_GROUPS = ("Ip", "Icmp", "IcmpMsg", *(one.group for one in TABLES))
_SIGNED = frozenset({("Tcp", "MaxConn")})  # RFC 2012: -1 where the limit is dynamic
# newer kernels have these names in code alone
_ICMP6_NAMES = {
    1: "DestUnreachs", 2: "PktTooBigs", 3: "TimeExcds", 4: "ParmProblems", 128: "Echos", 129: "EchoReplies",
    130: "GroupMembQueries", 131: "GroupMembResponses", 132: "GroupMembReductions", 133: "RouterSolicits",
    134: "RouterAdvertisements", 135: "NeighborSolicits", 136: "NeighborAdvertisements", 137: "Redirects",
    143: "MLDv2Reports",
}  # fmt: skip
_LONGEST = 64
_OUT = 0x100  # net/icmp.h: 256 counters of received messages, then those of sent ones


def groups_of(wanted: Sequence[str]) -> frozenset[str]:
    """Groups in any case; UsageError for others."""
    known = {group.lower(): group for group in _GROUPS}
    for word in wanted:
        if word.lower() not in known:
            raise no_such("group", word, _GROUPS)
    return frozenset(known[word.lower()] for word in wanted) or frozenset(_GROUPS)


def every_counter(survey: NetSurvey, groups: Collection[str] = _GROUPS) -> list[Counter]:
    """The counters of these groups; a group that this kernel keeps elsewhere is noted."""
    finders: list[tuple[str, Callable[[], Iterator[Counter]]]] = [
        ("Ip", partial(ip, survey)),
        ("Icmp", partial(icmp, survey)),
        ("IcmpMsg", partial(icmp_messages, survey)),
        *((one.group, partial(counters, survey, one)) for one in TABLES),
        ("Icmp6", partial(icmp6_messages, survey)),
    ]
    rows: list[Counter] = []
    for group, find in finders:
        if group in groups:
            rows += survey.attempt(f"{group} counters", find)
    return sorted(rows, key=lambda row: _order(survey, row))


def _order(survey: NetSurvey, row: Counter) -> tuple[int, int]:
    """The initial namespace first; groups as /proc has them."""
    order = [one.label for one in survey.namespaces.nets]
    return order.index(row.netns), _GROUPS.index(row.group)


# addresses


def _pointers(survey: NetSurvey, member: str) -> dict[int, int]:
    """The address of the counters by namespace, 0 for none yet."""
    nets = sorted(survey.chosen)
    column = survey.gaps(survey.kernel.read_many("struct net", nets, [member]), "network counters")[member]
    return {net: pointer for net, pointer in zip(nets, column, strict=True) if pointer is not None}


def _sums(survey: NetSurvey, member: str) -> dict[int, Sequence[int] | None]:
    """The counters by namespace and number, summed over CPUs; empty where nothing counts yet."""
    kernel = survey.kernel
    pointers = _pointers(survey, member)
    kind = target_of(kernel.layouts, kernel.place("struct net", member))
    sums = percpu.arrays(survey, kind, "mibs", sorted({p for p in pointers.values() if p}))
    return {net: sums[pointer] if pointer else () for net, pointer in pointers.items()}


def _names(survey: NetSurvey, table: str) -> list[Numbered]:
    """A table's (name, number of the counter): a ``struct snmp_mib`` array, or one of the same form.

    Most kernels' tables end in an entry without a name.
    """
    kernel = survey.kernel
    size = kernel.sizeof("struct snmp_mib")
    first = kernel.symbols.address(table)
    places = [first + at * size for at in range(_length(survey, table, size))]
    rows = list(kernel.read_many("struct snmp_mib", places, ["name", "entry"]).check())
    rows = rows[: next((at for at, row in enumerate(rows) if not row[0]), len(rows))]
    kernel.prefetch((name, _LONGEST) for name, _ in rows)
    return [(_text(survey, name), number) for name, number in rows]


def _text(survey: NetSurvey, address: int) -> str:
    return survey.kernel.read_string(address, _LONGEST).decode("utf-8", "backslashreplace")


def _length(survey: NetSurvey, table: str, size: int) -> int:
    """The number of elements of an array: by its type, or (without debug data) up to the next symbol."""
    kernel = survey.kernel
    with suppress(UnknownTypeError):
        return kernel.variable_size(table) // size
    first = kernel.symbols.address(table)
    following = kernel.symbols.next_after(first)
    return (following.address - first) // size if following else 0


def _value(numbers: Sequence[int] | None, number: int, *, bits: int, signed: bool = False) -> int | None:
    """A counter as C has it: sums wrap around."""
    if numbers is None:
        return None
    value = (numbers[number] if numbers else 0) & ((1 << bits) - 1)
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _bits(survey: NetSurvey, member: str) -> int:
    """The width of a group's counters in bits: unsigned long, or u64."""
    kernel = survey.kernel
    kind = target_of(kernel.layouts, kernel.place("struct net", member))
    return 8 * kernel.sizeof(kernel.place(kind, "mibs[0]").type)


# groups


def counters(survey: NetSurvey, one: Names) -> Iterator[Counter]:
    """A group whose counters have all their names in one table."""
    kernel = survey.kernel
    if not (kernel.has_member("struct net", one.member) and kernel.symbols.has(one.table)):
        if one.group in _ALWAYS:
            raise UnknownSymbolError(f"no {one.table} with {one.member}")
        return
    bits, names = _bits(survey, one.member), _names(survey, one.table)
    for net, numbers in _sums(survey, one.member).items():
        for name, number in names:
            value = _value(numbers, number, bits=bits, signed=(one.group, name) in _SIGNED)
            yield _counter(survey, net, one.group, name, value)


def _counter(survey: NetSurvey, net: int, group: str, name: str, value: int | None) -> Counter:
    # tables of IPv6 and xfrm have the group in the names
    return Counter(netns=survey.labels[net], group=group, name=name.removeprefix(group), value=value)


def ip(survey: NetSurvey) -> Iterator[Counter]:
    """The group Ip: two settings, then the counters."""
    # the first number of the settings is IPV4_DEVCONF_FORWARDING (include/uapi/linux/ip.h)
    paths = ["ipv4.devconf_all->data[0]", "ipv4.sysctl_ip_default_ttl"]
    nets = sorted(survey.chosen)
    settings = survey.gaps(survey.kernel.read_many("struct net", nets, paths), "settings of IP")
    for net, (forwarding, time_to_live) in zip(nets, settings, strict=True):
        told = None if forwarding is None else 1 if forwarding else 2
        yield _counter(survey, net, "Ip", "Forwarding", told)
        yield _counter(survey, net, "Ip", "DefaultTTL", time_to_live)
    yield from counters(survey, _IP)


def icmp(survey: NetSurvey) -> Iterator[Counter]:
    """Counters by the enumeration's names, and those by type that RFC 1213 has a name for."""
    kernel = survey.kernel
    kinds = _names(survey, _ICMP.table)
    numbers, bits = _sums(survey, _ICMP.member), _bits(survey, _ICMP.member)
    messages = _messages(survey, "mib.icmpmsg_statistics")
    known = enumerators(survey, "ICMP_MIB_INMSGS")
    for net, counted in numbers.items():
        for direction, shift in (("In", 0), ("Out", _OUT)):
            for name, number in _plain_icmp(known, direction, kinds):
                yield _counter(survey, net, "Icmp", name, _value(counted, number, bits=bits))
            for name, kind in kinds:
                value = _value(messages.get(net), kind + shift, bits=8 * kernel.pointer_size)
                yield _counter(survey, net, "Icmp", f"{direction}{name}", value)


def _plain_icmp(known: dict[str, int], direction: str, kinds: Sequence[Numbered]) -> list[Numbered]:
    """Counters without a type. Old kernels counted types here, too; their numbers are still reserved."""
    old = {f"{way}{name}".upper() for way in ("In", "Out") for name, _ in kinds} | {"NUM"}
    plain = [(name.removeprefix("ICMP_MIB_"), number) for name, number in known.items()]
    named = [
        (_ICMP_WORDS.get(name, name), number)
        for name, number in plain
        if name not in old and not name.startswith("__")
    ]
    return [one for one in named if one[0].startswith("In") == (direction == "In")]


def _messages(survey: NetSurvey, member: str) -> dict[int, Sequence[int] | None]:
    """Messages by namespace and type: 256 counters of received, 256 of sent ones; they aren't per CPU."""
    kernel = survey.kernel
    kind = target_of(kernel.layouts, kernel.place("struct net", member))
    pointers = {net: pointer for net, pointer in _pointers(survey, member).items() if pointer}
    cells = kernel.read_many(kind, list(pointers.values()), ["mibs"])
    width, letter = kernel.pointer_size, "Q" if kernel.pointer_size == 8 else "I"
    return {
        net: None if raw is None else struct.unpack(f"{kernel.order}{len(raw) // width}{letter}", raw)
        for net, raw in zip(pointers, survey.gaps(cells, "ICMP messages")["mibs"], strict=True)
    }


def icmp_messages(survey: NetSurvey) -> Iterator[Counter]:
    """ICMP messages by type, without zeros: ``IcmpMsg`` of /proc/net/snmp."""
    for net, counted in _messages(survey, "mib.icmpmsg_statistics").items():
        yield from _by_type(survey, net, "IcmpMsg", counted)


def _by_type(survey: NetSurvey, net: int, group: str, counted: Sequence[int] | None) -> Iterator[Counter]:
    """Counters such as ``InType8``, without zeros."""
    for at, value in enumerate(counted or ()):
        if value:
            direction = "Out" if at & _OUT else "In"
            yield _counter(survey, net, group, f"{direction}Type{at % _OUT}", value)


def _icmp6_names(survey: NetSurvey) -> dict[int, str | None]:
    """Names of ICMPv6 messages by type: the kernel's, or those it has always had where it has no table."""
    kernel, size = survey.kernel, survey.kernel.pointer_size
    if not kernel.symbols.has("icmp6type2name"):
        return dict(_ICMP6_NAMES)
    table = kernel.read(kernel.symbols.address("icmp6type2name"), _OUT * size)
    pointers = struct.unpack(f"{kernel.order}{_OUT}{'Q' if size == 8 else 'I'}", table)
    kernel.prefetch((pointer, _LONGEST) for pointer in pointers if pointer)
    return {kind: _text(survey, pointer) for kind, pointer in enumerate(pointers) if pointer}


def icmp6_messages(survey: NetSurvey) -> Iterator[Counter]:
    """ICMPv6 messages: first those with a name, then all by type."""
    kernel, member = survey.kernel, "mib.icmpv6msg_statistics"
    if not kernel.has_member("struct net", member):
        return
    names = _icmp6_names(survey)
    for net, counted in _messages(survey, member).items():
        for direction, shift in (("In", 0), ("Out", _OUT)):
            for kind, name in names.items():
                value = None if counted is None else counted[kind + shift]
                yield _counter(survey, net, "Icmp6", f"{direction}{name}", value)
        yield from _by_type(survey, net, "Icmp6", counted)
