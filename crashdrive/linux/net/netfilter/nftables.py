"""Tables and chains of nf_tables, and the addresses of their rules.

Objects that a transaction is adding or has removed are left out: each object has a mask of the generations in
which it is inactive. Source: include/net/netfilter/nf_tables.h, net/netfilter/nf_tables_api.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import FaultError
from crashdrive.linux.net.netfilter.nft_words import FAMILIES, named
from crashdrive.linux.net.pernet import own_memory
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Address, Notice, Record

_WHAT = "chains of nf_tables"
_TABLE, _CHAIN, _RULE = "struct nft_table", "struct nft_chain", "struct nft_rule"
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_OTHER_HOOKS = {"arp": ("input", "output", "forward"), "netdev": ("ingress", "egress")}
_POLICIES = {0: "drop", 1: "accept"}
_BASE = 1  # NFT_CHAIN_BASE: the chain has a hook
_LONGEST = 256


class Chain(Record, frozen=True):
    """A chain of nf_tables; ``type``, ``hook``, ``priority`` and ``policy`` of those that have a hook.

    ``handle``: nft's number of it in its table; ``uses`` counts rules, jumps and the hook.
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
    address: Address


class Place(NamedTuple):
    """A table: its namespace and family, its address, and the bit of the current generation."""

    netns: str | None
    family: str
    name: str | None
    address: int
    active: int


class RulePlace(NamedTuple):
    """A rule: its handle, the address and size of its expressions; ``userdata`` follows them."""

    address: int
    handle: int
    expressions: int
    size: int
    userdata: bool


class Rules(NamedTuple):
    """A chain and its rules in their order."""

    chain: Chain
    rules: list[RulePlace]


def readable(survey: NetSurvey) -> bool:
    """Whether the kernel has nf_tables, and its structures are known."""
    return used(survey) and survey.kernel.has_type(_TABLE) and survey.kernel.has_type("struct nft_base_chain")


def used(survey: NetSurvey) -> bool:
    """Whether the kernel has nf_tables."""
    return survey.kernel.symbols.has("nf_tables_net_id")


def tables(survey: NetSurvey) -> Iterator[Place]:
    """All tables of the namespaces that are asked for."""
    kernel = survey.kernel
    for one in survey.namespaces.nets:
        if one.address not in survey.chosen:
            continue
        head = _tables(survey, one.address)
        active = 1 << int(kernel.object("struct net", one.address).nft.gencursor)
        if head is None:
            continue
        for address, (family, name) in listed(survey, head, _TABLE, ["family", "name"], active):
            yield Place(one.label, named(FAMILIES, family), string(survey, name), address, active)


def _tables(survey: NetSurvey, net: int) -> int | None:
    """The head of a namespace's tables: in the module's per-namespace data since 5.12, in ``struct net``
    before.
    """
    kernel = survey.kernel
    if kernel.has_member("struct net", "nft.tables"):
        return net + kernel.offset("struct net", "nft.tables")
    own = own_memory(survey, net, "nf_tables_net_id")
    return own + kernel.offset("struct nftables_pernet", "tables") if own else None


def listed(
    survey: NetSurvey, head: int, kind: str, members: Sequence[str], active: int, what: str = _WHAT
) -> Iterator[tuple[int, Any]]:
    """Address and members of the entries of a list that are active in this generation."""
    found = survey.kernel.walk_list(head, kind, "list")
    survey.walked(found, what)
    columns = survey.gaps(found.read(["genmask", *members]), what)
    for address, (mask, *values) in zip(found.addresses, columns, strict=True):
        if mask is not None and not mask & active:
            yield address, values


def string(survey: NetSurvey, pointer: int | None) -> str | None:
    """The text that a pointer leads to; None where there is none."""
    if not pointer:
        return None
    try:
        return survey.kernel.read_string(pointer, _LONGEST).decode("utf-8", "backslashreplace")
    except FaultError as error:
        survey.miss([Notice(kind="hole", message=f"{_WHAT}: a name: {error}")])
        return None


def chains(survey: NetSurvey) -> Iterator[Rules]:
    """All chains, with where their rules are."""
    for table in tables(survey):
        yield from _of_table(survey, table)


def _of_table(survey: NetSurvey, table: Place) -> Iterator[Rules]:
    kernel = survey.kernel
    head = table.address + kernel.offset(_TABLE, "chains")
    for address, (name, handle, uses, flags) in listed(
        survey, head, _CHAIN, ["name", "handle", "use", "flags"], table.active
    ):
        rules = list(_rules(survey, address, table.active))
        chain = Chain(
            netns=table.netns, family=table.family, table=table.name, chain=string(survey, name),
            handle=handle, uses=uses, rules=len(rules), address=address,
            **_base(survey, address, table.family, based=bool((flags or 0) & _BASE)),
        )  # fmt: skip
        yield Rules(chain, rules)


def _rules(survey: NetSurvey, chain: int, active: int) -> Iterator[RulePlace]:
    kernel = survey.kernel
    head, first = chain + kernel.offset(_CHAIN, "rules"), kernel.offset(_RULE, "data")
    for address, values in listed(survey, head, _RULE, ["handle", "dlen", "udata"], active):
        if None not in values:
            handle, size, more = values
            yield RulePlace(address, handle, address + first, size, bool(more))


def _base(survey: NetSurvey, chain: int, family: str, *, based: bool) -> dict[str, Any]:
    """Columns that only a base chain (one with a hook) has: it is in a larger structure."""
    if not based:
        return dict.fromkeys(("type", "hook", "priority", "policy"))
    kernel, kind = survey.kernel, "struct nft_base_chain"
    place = chain - kernel.offset(kind, "chain")
    columns = kernel.read_many(kind, [place], ["type->name", "ops.hooknum", "ops.priority", "policy"])
    ((name, hook, priority, policy),) = survey.gaps(columns, _WHAT)
    return {
        "type": string(survey, name),
        "hook": None if hook is None else hook_name(family, hook),
        "priority": priority,
        "policy": None if policy is None else _POLICIES.get(policy, str(policy)),
    }


def hook_name(family: str, number: int) -> str:
    """A hook's name, or its number."""
    return named(_OTHER_HOOKS.get(family, _HOOKS), number)
