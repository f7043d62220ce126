"""Addresses of interfaces. Sources: net/ipv4/devinet.c, net/ipv6/addrconf.c (what ``ip addr`` shows)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crashdrive.linux.net.addresses import ipv6, quad
from crashdrive.linux.net.rt_names import SCOPES, named
from crashdrive.linux.net.short_chains import chained
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Record

_FOR_EVER = 0xFFFF_FFFF
_PERMANENT = 0x80
# IFAPROT_*: the origin of an address, since 5.18 (47f0bd503210)
_PROTOCOLS = {1: "kernel_lo", 2: "kernel_ra", 3: "kernel_ll"}
# IFA_F_*; the first one means something else in each family
_FLAGS = (
    (0x02, "nodad"), (0x04, "optimistic"), (0x08, "dadfailed"), (0x10, "home"), (0x20, "deprecated"),
    (0x40, "tentative"), (0x80, "permanent"), (0x100, "mngtmpaddr"), (0x200, "noprefixroute"),
    (0x400, "autojoin"), (0x800, "stable-privacy"),
)  # fmt: skip
_FIRST = {"inet": "secondary", "inet6": "temporary"}
# IFA_HOST, IFA_LINK, IFA_SITE of include/net/ipv6.h
_SCOPES6 = ((0x10, "host"), (0x20, "link"), (0x40, "site"))


class InterfaceAddress(Record, frozen=True):
    """An address of an interface; ``peer`` the other end's. ``valid_seconds`` and ``preferred_seconds``: left
    at the time of the dump, None for ever. ``flags``: IFA_F_* (``secondary``, ``temporary``, ``permanent``,
    ...).
    """

    family: str
    address: str
    prefix_length: int
    peer: str | None
    broadcast: str | None
    scope: str
    label: str | None
    flags: tuple[str, ...]
    valid_seconds: float | None
    preferred_seconds: float | None
    metric: int | None
    protocol: str | None


_FOUR = {
    "local": ("ifa_local",), "peer": ("ifa_address",), "length": ("ifa_prefixlen",),
    "broadcast": ("ifa_broadcast",), "scope": ("ifa_scope",), "label": ("ifa_label",),
    "flags": ("ifa_flags",),
    "valid": ("ifa_valid_lft",), "preferred": ("ifa_preferred_lft",), "since": ("ifa_tstamp",),
    "metric": ("ifa_rt_priority",), "protocol": ("ifa_proto",),
}  # fmt: skip


def ipv4_addresses(survey: Survey, devices: Sequence[int | None]) -> list[list[InterfaceAddress]]:
    """The addresses behind each ``struct in_device``."""
    kernel, kind = survey.kernel, "struct in_ifaddr"
    there = sorted({device for device in devices if device})
    heads = survey.gaps(kernel.read_many("struct in_device", there, ["ifa_list"]), "addresses")["ifa_list"]
    chains = chained(survey, kind, heads, "ifa_next", "addresses")
    rows = iter(survey.rows(Fields(kernel, kind, _FOUR, ("local", "length")), _flat(chains), "addresses"))
    by_device = {
        device: [_ipv4(survey, next(rows)) for _ in chain]
        for device, chain in zip(there, chains, strict=True)
    }
    return [[one for one in by_device.get(device or 0, ()) if one is not None] for device in devices]


def _flat(chains: Sequence[Sequence[int]]) -> list[int]:
    return [node for chain in chains for node in chain]


def _ipv4(survey: Survey, row: Mapping[str, Any]) -> InterfaceAddress | None:
    if row["local"] is None or row["flags"] is None:
        return None
    return InterfaceAddress(
        family="inet",
        address=quad(survey, row["local"]),
        prefix_length=row["length"],
        peer=quad(survey, row["peer"]) if row["peer"] and row["peer"] != row["local"] else None,
        broadcast=quad(survey, row["broadcast"]) if row["broadcast"] else None,
        scope=named(SCOPES, row["scope"]),
        label=row["label"] or None,
        flags=_flags("inet", row["flags"]),
        **_lifetimes(survey, row, for_ever=bool(row["flags"] & _PERMANENT)),
        metric=row["metric"] or None,
        protocol=named(_PROTOCOLS, row["protocol"]) if row["protocol"] else None,
    )


def _flags(family: str, bits: int) -> tuple[str, ...]:
    names = ((1, _FIRST[family]), *_FLAGS)
    return tuple(name for bit, name in names if bits & bit)


def _lifetimes(survey: Survey, row: Mapping[str, Any], *, for_ever: bool) -> dict[str, float | None]:
    """Seconds left of the lifetimes granted at ``since``; an address can be valid and no longer preferred."""
    (since,) = survey.seconds([row["since"]])
    left: dict[str, float | None] = {"valid_seconds": None, "preferred_seconds": None}
    for name in ("valid", "preferred"):
        if not for_ever and since is not None and row[name] not in {None, _FOR_EVER}:
            left[f"{name}_seconds"] = max(0.0, row[name] + since)
    return left


_SIX = {
    "device": ("idev",), "local": ("addr",), "peer": ("peer_addr",), "length": ("prefix_len",),
    "scope": ("scope",), "flags": ("flags",), "valid": ("valid_lft",), "preferred": ("prefered_lft",),
    "since": ("tstamp",), "metric": ("rt_priority",), "protocol": ("ifa_proto",),
}  # fmt: skip


def ipv6_addresses(survey: Survey, devices: Sequence[int | None]) -> list[list[InterfaceAddress]]:
    """The addresses behind each ``struct inet6_dev``."""
    kernel, kind = survey.kernel, "struct inet6_ifaddr"
    there = sorted({device for device in devices if device})
    if not there:
        return [[] for _ in devices]
    start = kernel.offset("struct inet6_dev", "addr_list")
    found = kernel.walk_lists([device + start for device in there], kind, "if_list")
    survey.walked(found, "addresses")
    fields = Fields(kernel, kind, _SIX, ("device", "local", "length", "flags"))
    by_device: dict[int, list[InterfaceAddress]] = {}
    for facts in survey.rows(fields, found.addresses, "addresses"):
        if facts["local"] is not None and facts["device"] is not None and facts["flags"] is not None:
            by_device.setdefault(facts["device"], []).append(_ipv6(survey, facts))
    return [by_device.get(device or 0, []) for device in devices]


def _ipv6(survey: Survey, row: Mapping[str, Any]) -> InterfaceAddress:
    for_ever = bool(row["flags"] & _PERMANENT) and row["preferred"] == _FOR_EVER
    return InterfaceAddress(
        family="inet6",
        address=ipv6(row["local"]),
        prefix_length=row["length"],
        peer=ipv6(row["peer"]) if row["peer"] and any(row["peer"]) else None,
        broadcast=None,
        scope=next((name for bit, name in _SCOPES6 if row["scope"] & bit), "global"),
        label=None,
        flags=_flags("inet6", row["flags"]),
        **_lifetimes(survey, row, for_ever=for_ever),
        metric=row["metric"] or None,
        protocol=named(_PROTOCOLS, row["protocol"]) if row["protocol"] else None,
    )
