"""Connections that netfilter tracks. Source: net/netfilter/nf_conntrack_{core,standalone}.c."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from crashdrive.choices import no_such
from crashdrive.errors import UnknownTypeError
from crashdrive.linux.net.addresses import ipv4, ipv6, port
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

_CONN = "struct nf_conn"
_HASHED = "struct nf_conntrack_tuple_hash"
WHAT = "connection tracking entries"
# hashsize= of the module is an int; this many buckets would take 128 MB
_MOST_BUCKETS = 1 << 24
_FAMILIES = {2: "ipv4", 10: "ipv6"}
# as the kernel's trackers call themselves
_PROTOCOLS = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    47: "gre",
    58: "icmpv6",
    132: "sctp",
    136: "udplite",
}
_ICMP = frozenset({"icmp", "icmpv6"})
_PORTS = frozenset({"tcp", "udp", "dccp", "sctp", "udplite", "gre"})
# protocol -> its enumeration, what its names begin with
_STATES = {
    "tcp": ("enum tcp_conntrack", "TCP_CONNTRACK_"),
    "sctp": ("enum sctp_conntrack", "SCTP_CONNTRACK_"),
    "dccp": ("enum ct_dccp_states", "CT_DCCP_"),
}
# LISTEN means the second SYN of a simultaneous open since 2.6.31; the enumerator kept its name
_RENAMED = {("tcp", "LISTEN"): "SYN_SENT2"}


class Entry(Record, frozen=True):
    """A tracked connection, with its original direction and that of its replies (NAT makes them differ).

    ``protocol`` is a number where no tracker has a name for it; ``state`` is the tracker's, None for
    protocols without. Ports of GRE are its keys; ICMP has a type, a code and an id in each direction.
    ``status`` are the bits of ``enum ip_conntrack_status``; without SEEN_REPLY there was no reply yet.
    ``timeout``: seconds left, negative for expired entries. ``uses`` counts references; ``master_address``:
    the connection that announced this one.
    """

    netns: str | None
    family: str | None
    protocol: str | None
    state: str | None
    source: str | None
    source_port: int | None
    destination: str | None
    destination_port: int | None
    reply_source: str | None
    reply_source_port: int | None
    reply_destination: str | None
    reply_destination_port: int | None
    timeout: float | None
    status: tuple[str, ...] | None
    mark: int | None
    zone: int | None
    uses: int | None
    icmp_type: int | None
    icmp_code: int | None
    icmp_id: int | None
    reply_icmp_type: int | None
    reply_icmp_code: int | None
    reply_icmp_id: int | None
    secmark: int | None
    master_address: Address | None
    address: Address


class Count(Record, frozen=True):
    """Entries of a namespace, and the limit of these (None: not known)."""

    netns: str | None
    entries: int
    most: int | None


def counts(survey: NetSurvey, rows: Sequence[Entry]) -> Iterator[Count]:
    """Entries by namespace; the limit is the same for all namespaces."""
    kernel = survey.kernel
    known = kernel.symbols.has("nf_conntrack_max")
    most = int(kernel.symbol_as("nf_conntrack_max", "unsigned int")) if known else None
    for label, entries in Counter(row.netns for row in rows).items():
        yield Count(netns=label, entries=entries, most=most)


def protocol_name(word: str) -> str:
    """A protocol as rows have it, by its name or its number (0 to 255); UsageError for others."""
    name = word.lower()
    number = int(name) if name.isascii() and name.isdecimal() else -1
    if name not in _PROTOCOLS.values() and not 0 <= number < 256:
        raise no_such("protocol", word, [*_PROTOCOLS.values(), "0 to 255"])
    return _PROTOCOLS.get(number, name if number < 0 else str(number))


def states_of(survey: NetSurvey) -> dict[str, dict[int, str]]:
    """The states of each protocol that has any, by their numbers; empty where the debug data lacks them."""
    return {protocol: _states(survey, protocol) for protocol in _STATES}


# the table


def is_tracking(survey: NetSurvey) -> bool:
    """Whether the kernel has the table of all namespaces: since 4.7, once the module is loaded."""
    return survey.kernel.symbols.has("nf_conntrack_hash")


def every_entry(survey: NetSurvey) -> list[Entry]:
    """The entries; that there can be none, or that this kernel keeps them elsewhere, is noted."""
    if is_tracking(survey):
        return survey.attempt(WHAT, partial(entries, survey))
    if survey.kernel.has_member("struct net", "ct.hash"):  # each namespace had a table until 4.7
        message = f"this kernel keeps {WHAT} elsewhere; not read (struct net has ct.hash)"
        survey.miss([Notice(kind="elsewhere", message=message)])
    else:
        survey.absent("connection tracking in use")
    return []


def entries(survey: NetSurvey) -> Iterator[Entry]:
    """The connections; each is in the table with both directions, and the original one is taken."""
    kernel = survey.kernel
    ways = _hashed(survey)
    shift = kernel.offset(_CONN, "tuplehash[0]")
    places = [address - shift for address, way in ways if way == 0]
    found = survey.addressed(Fields(kernel, _CONN, _members(), _REQUIRED), places, WHAT)
    reader = _Reader(survey)
    for place, row in found:
        # a freed entry that is still on the list has no references; its memory may be another entry's
        if row["uses"] != 0 and (survey.everywhere or row["net"] in survey.chosen):
            yield reader.entry(place, row)


def _hashed(survey: NetSurvey) -> list[tuple[int, int | None]]:
    """(address, direction) of all entries of the table."""
    kernel = survey.kernel
    buckets = int(kernel.symbol_as("nf_conntrack_htable_size", "unsigned int"))
    if not 0 < buckets <= _MOST_BUCKETS:
        message = f"{WHAT}: {buckets} buckets are impossible; not read"
        survey.miss([Notice(kind="node", message=message)])
        return []
    found = kernel.walk_table(
        kernel.read_pointer(kernel.symbols.address("nf_conntrack_hash")),
        buckets,
        _HASHED,
        "hnnode",
        nulls=True,
        nulls_base=0,
        fields=["tuple.dst.dir"],
    )
    survey.walked(found, WHAT)
    if found.columns is None:
        return []
    return list(zip(found.addresses, survey.gaps(found.columns, WHAT)["tuple.dst.dir"], strict=True))


_REQUIRED = ("net", "status", "family", "protocol", "source", "destination", "reply_source")
_TUPLE = {
    "source": "src.u3",
    "from": "src.u",
    "destination": "dst.u3",
    "to": "dst.u",
}


def _members() -> dict[str, Sequence[str]]:
    members: dict[str, Sequence[str]] = {
        f"{before}{name}": (f"tuplehash[{way}].tuple.{path}",)
        for way, before in ((0, ""), (1, "reply_"))
        for name, path in _TUPLE.items()
    }
    return members | {
        "family": ("tuplehash[0].tuple.src.l3num",),
        "protocol": ("tuplehash[0].tuple.dst.protonum",),
        "net": ("ct_net.net", "ct_net"),
        "status": ("status",),
        # a timer until f330a7fdbe16 (4.9)
        "expires": ("timeout.expires",),
        "timeout": ("timeout",),
        "mark": ("mark",),
        "secmark": ("secmark",),
        "zone": ("zone.id",),
        "uses": ("ct_general.use.refs.counter", "ct_general.use.counter"),
        "master": ("master",),
        "tcp": ("proto.tcp.state",),
        "sctp": ("proto.sctp.state",),
        "dccp": ("proto.dccp.state",),
    }


class _Reader:
    """Makes rows of members, with the names of this kernel's numbers."""

    def __init__(self, survey: NetSurvey) -> None:
        self._survey = survey
        self._bits = _status_bits(survey)
        self._states = states_of(survey)

    def entry(self, address: int, row: dict[str, Any]) -> Entry:
        """A row out of the members of `_members`."""
        protocol, family = _word(_PROTOCOLS, row["protocol"]), _word(_FAMILIES, row["family"])
        ends = _ends(family, protocol, row, "") | _ends(family, protocol, row, "reply_")
        return Entry(
            netns=self._netns(row["net"]),
            family=family,
            protocol=protocol,
            state=self._state(protocol, row),
            timeout=self._left(row),
            status=None if row["status"] is None else self._status(row["status"]),
            master_address=row["master"] or None,
            address=address,
            **{name: row[name] for name in ("mark", "zone", "uses", "secmark")},
            **ends,
        )

    def _netns(self, net: int | None) -> str | None:
        return None if net is None else self._survey.labels.get(net, f"{net:x}")

    def _state(self, protocol: str | None, row: dict[str, Any]) -> str | None:
        return _word(self._states[protocol], row[protocol]) if protocol in self._states else None

    def _status(self, status: int) -> tuple[str, ...]:
        return tuple(
            self._bits.get(bit, f"bit {bit}") for bit in range(status.bit_length()) if status >> bit & 1
        )

    def _left(self, row: dict[str, Any]) -> float | None:
        """Seconds left; ``timeout`` is the low 32 bits of jiffies at the end."""
        kernel, expires, timeout = self._survey.kernel, row["expires"], row["timeout"]
        if expires is not None:
            return self._survey.seconds([expires])[0]
        if not isinstance(timeout, int):
            return None
        return (((timeout - kernel.jiffies + (1 << 31)) & ((1 << 32) - 1)) - (1 << 31)) / kernel.hz


def _word(names: dict[int, str], number: int | None) -> str | None:
    """The name of a number, or the number itself."""
    return None if number is None else names.get(number, str(number))


def _ends(family: str | None, protocol: str | None, row: dict[str, Any], way: str) -> dict[str, Any]:
    """The columns of one direction."""
    before, after = row[f"{way}from"], row[f"{way}to"]
    found: dict[str, Any] = {
        f"{way}source": _address(family, row[f"{way}source"]),
        f"{way}destination": _address(family, row[f"{way}destination"]),
    }
    ports = protocol in _PORTS
    found[f"{way}source_port"] = port(before) if ports and before is not None else None
    found[f"{way}destination_port"] = port(after) if ports and after is not None else None
    numbers = (after[0], after[1], port(before)) if protocol in _ICMP and after and before else (None,) * 3
    return found | dict(zip((f"{way}icmp_type", f"{way}icmp_code", f"{way}icmp_id"), numbers, strict=True))


def _address(family: str | None, raw: bytes | None) -> str | None:
    """An address as text, in hexadecimal where the family is not IP."""
    if raw is None:
        return None
    return ipv4(raw[:4]) if family == "ipv4" else ipv6(raw) if family == "ipv6" else raw.hex()


def _status_bits(survey: NetSurvey) -> dict[int, str]:
    bits: dict[int, str] = {}
    for name, number in survey.kernel.enumerators("enum ip_conntrack_status").items():
        if name.startswith("IPS_") and name.endswith("_BIT"):
            bits.setdefault(number, name.removeprefix("IPS_").removesuffix("_BIT"))
    return bits


def _states(survey: NetSurvey, protocol: str) -> dict[int, str]:
    kind, prefix = _STATES[protocol]
    try:
        found = survey.kernel.enumerators(kind)
    except UnknownTypeError:
        return {}
    names = {number: name.removeprefix(prefix) for name, number in found.items()}
    return {number: _RENAMED.get((protocol, name), name) for number, name in names.items()}
