"""Policy rules, which choose the table for a packet. Source: net/core/fib_rules.c, fib(6)_rules.c."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.linux.net.addresses import ipv6, quad
from crashdrive.linux.net.routing.iproute import prefix_text, words_of
from crashdrive.linux.net.routing.routes import table_name
from crashdrive.linux.net.rt_names import IP_PROTOCOLS, PROTOCOLS, named
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record
from crashdrive.text import printable

# FR_ACT_*, FIB_RULE_* of include/uapi/linux/fib_rules.h
_ACTIONS = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_INVERT, _UNRESOLVED, _IIF_DETACHED, _OIF_DETACHED = 2, 4, 8, 16
_ALL_BITS = 0xFFFF_FFFF
_ALL_USERS = (0, 0xFFFF_FFFF)


class Rule(Record, frozen=True):
    """A rule. A condition is None where it matches all; ranges are pairs of first and last.

    ``action``: ``lookup`` (in ``table``), ``goto`` (the rule of the ``goto`` priority), ``nop``,
    ``blackhole``, ``unreachable``, ``prohibit``. ``flags``: ``not``, ``unresolved``, ``iif-detached``,
    ``oif-detached``. ``text`` as ``ip rule`` prints it.
    """

    family: str
    netns: str | None
    priority: int
    action: str
    table: str | None
    goto: int | None
    source: str | None
    destination: str | None
    input_device: str | None
    output_device: str | None
    tos: int | None
    dscp: int | None
    mark: int | None
    mark_mask: int | None
    ip_protocol: int | None
    source_ports: tuple[int, int] | None
    destination_ports: tuple[int, int] | None
    uid_range: tuple[int, int] | None
    tunnel_id: int | None
    l3mdev: bool
    suppress_prefix_length: int | None
    suppress_group: int | None
    realms: int | None
    protocol: str
    flags: tuple[str, ...]
    address: Address
    text: str


_COMMON = {
    "priority": ("pref",), "action": ("action",), "table": ("table",), "target": ("target",),
    "flags": ("flags",), "iif": ("iifname",), "oif": ("oifname",), "mark": ("mark",), "mask": ("mark_mask",),
    # users since 4.10 (622ec2c9d524), ports and protocols since 4.17 (bfff4862653b), l3mdev since 4.8
    "user": ("uid_range.start.val",), "last_user": ("uid_range.end.val",),
    "ip_protocol": ("ip_proto",), "protocol": ("proto",), "l3mdev": ("l3mdev",), "tunnel": ("tun_id",),
    "sport": ("sport_range.start",), "last_sport": ("sport_range.end",),
    "dport": ("dport_range.start",), "last_dport": ("dport_range.end",),
    "suppress_length": ("suppress_prefixlen",), "suppress_group": ("suppress_ifgroup",),
}  # fmt: skip
_OWN = {
    "tos": ("dscp", "tos", "tclass"),
    "dscp_full": ("dscp_full",),
    "realms": ("tclassid",),
}
_PREFIXES = {
    "inet": {"src": ("src",), "src_len": ("src_len",), "dst": ("dst",), "dst_len": ("dst_len",)},
    "inet6": {
        "src": ("src.addr",), "src_len": ("src.plen",), "dst": ("dst.addr",), "dst_len": ("dst.plen",),
    },
}  # fmt: skip
_KINDS = {"inet": "struct fib4_rule", "inet6": "struct fib6_rule"}
_OPERATIONS = {"inet": "ipv4.rules_ops", "inet6": "ipv6.fib6_rules_ops"}


def rules(survey: NetSurvey, family: str, *, details: bool) -> list[Rule]:
    """The rules of a family in the chosen namespaces, in the order of ``ip rule``."""
    kernel, kind, path = survey.kernel, _KINDS[family], _OPERATIONS[family]
    if not kernel.has_member("struct net", path):
        survey.absent(f"rules of {family}")
        return []
    members = {name: tuple(f"common.{path}" for path in paths) for name, paths in _COMMON.items()}
    fields = Fields(kernel, kind, {**members, **_OWN, **_PREFIXES[family]}, ("priority", "action", "flags"))
    nets = [one.address for one in survey.namespaces.nets if one.address in survey.chosen]
    operations = survey.gaps(kernel.read_many("struct net", nets, [path]), "rules")[path]
    start = kernel.offset("struct fib_rules_ops", "rules_list")
    found: list[Rule] = []
    for net, pointer in zip(nets, operations, strict=True):
        if pointer:
            walked = kernel.walk_list(pointer + start, kind, "common.list")
            survey.walked(walked, "rules")
            for address, facts in survey.addressed(fields, walked.addresses, "rules"):
                if facts["priority"] is not None:
                    found.append(_rule(survey, family, net, address, facts, details=details))
    return found


def _rule(
    survey: NetSurvey, family: str, net: int, address: int, row: Mapping[str, Any], *, details: bool
) -> Rule:
    action = named(_ACTIONS, row["action"])
    facts: dict[str, Any] = {
        "family": family,
        "netns": survey.labels.get(net),
        "priority": row["priority"],
        "action": action,
        "table": table_name(row["table"]) if row["table"] and action == "lookup" else None,
        "goto": row["target"] if action == "goto" else None,
        "source": _prefix(survey, row["src"], row["src_len"]),
        "destination": _prefix(survey, row["dst"], row["dst_len"]),
        "input_device": row["iif"] or None,
        "output_device": row["oif"] or None,
        **_header(row),
        "mark": row["mark"] if row["mark"] or row["mask"] else None,
        "mark_mask": row["mask"] if row["mark"] or row["mask"] else None,
        "ip_protocol": row["ip_protocol"] or None,
        "source_ports": _range(row["sport"], row["last_sport"], none=(0, 0)),
        "destination_ports": _range(row["dport"], row["last_dport"], none=(0, 0)),
        "uid_range": _range(row["user"], row["last_user"], none=_ALL_USERS),
        "tunnel_id": _tunnel(survey, row["tunnel"]),
        "l3mdev": bool(row["l3mdev"]),
        "suppress_prefix_length": _unless_minus_one(row["suppress_length"]),
        "suppress_group": _unless_minus_one(row["suppress_group"]),
        "realms": row["realms"] or None,
        "protocol": named(PROTOCOLS, row["protocol"] or 0),
        "flags": _flags(row["flags"]),
        "address": address,
    }
    return Rule(**facts, text=f"{row['priority']}:".ljust(8) + " ".join(_words(facts, details=details)))


def _header(row: Mapping[str, Any]) -> dict[str, int | None]:
    """The condition on the header's TOS byte, without ECN; or since 6.12 on its DSCP, 6 bits (FRA_DSCP)."""
    value, full = row["tos"], bool(row["dscp_full"])
    return {"tos": None if full else value or None, "dscp": (value or 0) >> 2 if full else None}


def _prefix(survey: NetSurvey, address: bytes | int | None, length: int | None) -> str | None:
    if not length or address is None:
        return None
    if isinstance(address, int):
        return prefix_text(quad(survey, address), length, 32)
    return prefix_text(ipv6(address), length, 128)


def _range(first: int | None, last: int | None, *, none: tuple[int, int]) -> tuple[int, int] | None:
    """A range; absent members and the range ``none`` match all."""
    if first is None or last is None or (first, last) == none:
        return None
    return first, last


def _tunnel(survey: NetSurvey, raw: int | None) -> int | None:
    """The number in a ``__be64`` that was read in the machine's byte order."""
    if not raw:
        return None
    return int.from_bytes(raw.to_bytes(8, "little" if survey.kernel.byte_order == "little" else "big"), "big")


def _unless_minus_one(value: int | None) -> int | None:
    return None if value in {None, -1, _ALL_BITS} else value


def _flags(bits: int) -> tuple[str, ...]:
    names = (
        (_INVERT, "not"), (_UNRESOLVED, "unresolved"), (_IIF_DETACHED, "iif-detached"),
        (_OIF_DETACHED, "oif-detached"),
    )  # fmt: skip
    return tuple(name for bit, name in names if bits & bit)


def _words(facts: Mapping[str, Any], *, details: bool) -> Iterator[str]:
    if "not" in facts["flags"]:
        yield "not"
    yield f"from {facts['source'] or 'all'}"
    mask = facts["mark_mask"]
    mark = (
        None
        if facts["mark"] is None
        else f"{facts['mark']:#x}" + ("" if mask == _ALL_BITS else f"/{mask:#x}")
    )
    yield from words_of((
        ("to", facts["destination"]),
        ("tos", None if facts["tos"] is None else f"0x{facts['tos']:02x}"),
        ("dscp", facts["dscp"]),
        ("fwmark", mark),
        ("iif", _device(facts, "input_device", "iif-detached")),
        ("oif", _device(facts, "output_device", "oif-detached")),
        ("uidrange", _span(facts["uid_range"], always=True)),
        ("ipproto", None if facts["ip_protocol"] is None else named(IP_PROTOCOLS, facts["ip_protocol"])),
        ("sport", _span(facts["source_ports"])),
        ("dport", _span(facts["destination_ports"])),
        ("tun_id", facts["tunnel_id"]),
    ))  # fmt: skip
    yield from _does(facts)
    if details or facts["protocol"] not in {"unspec", "kernel"}:
        yield f"proto {facts['protocol']}"


def _does(facts: Mapping[str, Any]) -> Iterator[str]:
    if facts["l3mdev"]:
        yield "lookup [l3mdev-table]"
    yield from words_of((
        ("lookup", facts["table"]),
        ("suppress_prefixlength", facts["suppress_prefix_length"]),
        ("suppress_ifgroup", facts["suppress_group"]),
        ("realms", facts["realms"]),
        ("goto", facts["goto"]),
    ))  # fmt: skip
    if "unresolved" in facts["flags"]:
        yield "[unresolved]"
    if facts["action"] not in {"lookup", "goto"}:
        yield facts["action"]


def _device(facts: Mapping[str, Any], name: str, detached: str) -> str | None:
    if facts[name] is None:
        return None
    return printable(facts[name]) + (" [detached]" if detached in facts["flags"] else "")


def _span(pair: tuple[int, int] | None, *, always: bool = False) -> str | None:
    if pair is None:
        return None
    first, last = pair
    return f"{first}-{last}" if always or first != last else str(first)
