"""Chains of nf_tables, where the debug data of that module is loaded (crash's ``mod -s nf_tables``).

Source: include/net/netfilter/nf_tables.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crashdrive.records import Record
from crashdrive.reports._net.pernet import own_memory
from crashdrive.reports._net.sockets import Survey

_WHAT = "chains of nf_tables"
_TABLE, _CHAIN, _RULE = "struct nft_table", "struct nft_chain", "struct nft_rule"
# include/uapi/linux/netfilter.h, as nft calls them
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_OTHER_HOOKS = {"arp": ("input", "output", "forward"), "netdev": ("ingress", "egress")}
_POLICIES = {0: "drop", 1: "accept"}
_BASE = 1  # NFT_CHAIN_BASE: the chain has a hook
_LONGEST = 256


class Chain(Record, frozen=True):
    """A chain of nf_tables; ``type``, ``hook``, ``priority`` and ``policy`` of those that have a hook.

    ``handle`` is the number by which nft knows it in its table; ``uses`` counts rules, jumps and the hook.
    """

    netns: str | None
    family: str
    table: str | None
    chain: str | None
    handle: int | None
    type: str | None
    hook: str | None
    priority: int | None
    policy: str | None
    rules: int | None
    uses: int | None
    address: int


def readable(survey: Survey) -> bool:
    """Whether the kernel has nf_tables, and its structures are known."""
    return used(survey) and survey.kernel.has_type(_TABLE) and survey.kernel.has_type("struct nft_base_chain")


def used(survey: Survey) -> bool:
    """Whether the kernel has nf_tables."""
    return survey.kernel.symbols.has("nf_tables_net_id")


def chains(survey: Survey) -> Iterator[Chain]:
    """All chains that rules are in now; what a transaction prepares, or has removed, is left out."""
    kernel = survey.kernel
    for one in survey.namespaces.found:
        if one.address not in survey.chosen:
            continue
        head = _tables(survey, one.address)
        active = 1 << int(kernel.object("struct net", one.address).nft.gencursor)
        tables = _listed(survey, head, _TABLE, ["family", "name", "genmask"]) if head else []
        for table, (family, name, mask) in tables:
            if mask is not None and not mask & active:
                words = (one.label, _FAMILIES.get(family, str(family)), _string(survey, name))
                yield from _of_table(survey, table, active, words)


def _tables(survey: Survey, net: int) -> int | None:
    """The head of a namespace's tables: its own memory of the module since 5.12, ``struct net`` before."""
    kernel = survey.kernel
    if kernel.has_member("struct net", "nft.tables"):
        return net + kernel.offset("struct net", "nft.tables")
    own = own_memory(survey, net, "nf_tables_net_id")
    return own + kernel.offset("struct nftables_pernet", "tables") if own else None


def _listed(survey: Survey, head: int, kind: str, members: Sequence[str]) -> list[tuple[int, Any]]:
    found = survey.kernel.walk_list(head, kind, "list")
    survey.walked(found, _WHAT)
    return list(zip(found.addresses, survey.gaps(found.read(members), _WHAT), strict=True))


def _string(survey: Survey, pointer: int | None) -> str | None:
    if not pointer:
        return None
    return survey.kernel.read_string(pointer, _LONGEST).decode("utf-8", "backslashreplace")


def _of_table(survey: Survey, table: int, active: int, words: tuple[str, str, str | None]) -> Iterator[Chain]:
    kernel = survey.kernel
    netns, family, name = words
    head = table + kernel.offset(_TABLE, "chains")
    for address, (own, handle, uses, flags, mask) in _listed(
        survey, head, _CHAIN, ["name", "handle", "use", "flags", "genmask"]
    ):
        if mask is None or mask & active:
            continue
        rules = _listed(survey, address + kernel.offset(_CHAIN, "rules"), _RULE, ["genmask"])
        masks = [rule[0] for _, rule in rules]
        yield Chain(
            netns=netns, family=family, table=name, chain=_string(survey, own), handle=handle, uses=uses,
            rules=None if None in masks else sum(not rule & active for rule in masks),
            address=address, **_base(survey, address, family, based=bool(flags & _BASE)),
        )  # fmt: skip


def _base(survey: Survey, chain: int, family: str, *, based: bool) -> dict[str, Any]:
    """What only a chain with a hook has: it lies in a larger structure."""
    if not based:
        return dict.fromkeys(("type", "hook", "priority", "policy"))
    kernel, kind = survey.kernel, "struct nft_base_chain"
    place = chain - kernel.offset(kind, "chain")
    columns = kernel.read_many(kind, [place], ["type->name", "ops.hooknum", "ops.priority", "policy"])
    ((name, hook, priority, policy),) = survey.gaps(columns, _WHAT)
    return {
        "type": _string(survey, name),
        "hook": None if hook is None else _hook(family, hook),
        "priority": priority,
        "policy": None if policy is None else _POLICIES.get(policy, str(policy)),
    }


def _hook(family: str, number: int) -> str:
    known = _OTHER_HOOKS.get(family, _HOOKS)
    return known[number] if number < len(known) else str(number)
