"""Hooks of netfilter as ``xportshow --netfilter`` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from crashdrive.pykdump.likeness.marks import rows, told
from crashdrive.records import Report

# the program names netfilter's families by those of sockets, whose numbers they share; of arp and netdev,
# which share theirs with AX.25 and AppleTalk, the kernel's own names stand here
_FAMILIES = {
    "ipv4": "PF_INET",
    "ipv6": "PF_INET6",
    "bridge": "PF_BRIDGE",
    "arp": "NFPROTO_ARP",
    "netdev": "NFPROTO_NETDEV",
}
_PREFIXES = {"ipv4": "NF_IP", "ipv6": "NF_IP", "bridge": "NF_BR", "arp": "NF_ARP", "netdev": "NF_NETDEV"}
_HOOKS = {
    "prerouting": "PRE_ROUTING",
    "input": "LOCAL_IN",
    "forward": "FORWARD",
    "output": "LOCAL_OUT",
    "postrouting": "POST_ROUTING",
}
# NF_ARP_IN, NF_ARP_OUT
_OF_ARP = {"input": "IN", "output": "OUT"}


def hooks(report: Report) -> Iterator[str]:
    """Each family with its hooks, and their functions by priority; ``dev=`` of hooks that a device has."""
    for (_, family), some in groupby(rows(report, "hooks"), key=lambda row: (row.netns, row.family)):
        yield f"=====PROTO= {_FAMILIES.get(family, family)}"
        for (hook, device), functions in groupby(some, key=lambda row: (row.hook, row.device)):
            yield f"    {_named(family, hook)}" + (f"  dev={device}" if device else "")
            yield from map(_function, functions)


def _named(family: str, hook: str) -> str:
    own = _OF_ARP if family == "arp" else _HOOKS
    return f"{_PREFIXES.get(family, family.upper())}_{own.get(hook, hook.upper())}"


def _function(row: Any) -> str:
    return f"\tprio={told(row.priority)},  hook={told(row.function)}"
