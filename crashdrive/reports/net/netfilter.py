"""Who looks at packets: netfilter's hooks in the order of their calls, chains, and rules.

\b
Examples:
  crashdrive report netfilter vmcore
  crashdrive report netfilter --netns red --family ipv4 vmcore
  crashdrive report netfilter --rules vmcore

Chains of nf_tables and of iptables follow; --rules adds what is in them, worded as iptables-save -c and
nft --debug=netlink list ruleset do, and the sets, objects and flowtables that rules refer to. All NAT of a
family and hook stands behind one function of the module nf_nat.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from crashdrive.errors import UnknownMemberError, UnknownTypeError
from crashdrive.kernel.types.model import StructType
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.netfilter import nft_objects, nft_rules, nft_sets, nftables, xtables
from crashdrive.linux.net.netfilter.nft_actions import ACTIONS
from crashdrive.linux.net.netfilter.nft_expressions import Decoder
from crashdrive.linux.net.netfilter.nft_forms import FORMS
from crashdrive.linux.net.survey import Survey
from crashdrive.records import Notice, Record, Report, Table
from crashdrive.reports.base import Option
from crashdrive.reports.net._options import NETNS

NAME = "netfilter"
SUMMARY = "Netfilter's hooks, chains and rules: nf_tables, iptables, and who else looks at packets."
OPTIONS = (
    Option(
        name="family",
        flags=("-f", "--family"),
        help="A family (ipv4, ipv6, arp, bridge, netdev).",
        kind="text",
        many=True,
    ),
    Option(name="rules", flags=("-r", "--rules"), help="Rules, too, and what sets hold."),
    NETNS,
)

_ENTRIES = "struct nf_hook_entries"
_ENTRY = "struct nf_hook_entry"
_OPS = "struct nf_hook_ops"
_WHAT = "netfilter hooks"
# MAX_HOOK_COUNT in net/netfilter/core.c
_MOST = 1024
# include/uapi/linux/netfilter.h, netfilter_bridge.h; netfilter_arp.h
_INET = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_HOOKS = {"ipv4": _INET, "ipv6": _INET, "bridge": _INET[:5], "arp": ("input", "output", "forward")}
# what nf_tables calls a family, and that of both
_ALSO = {"ipv4": ("ip", "inet"), "ipv6": ("ip6", "inet"), "ip": ("ipv4",), "ip6": ("ipv6",)}
# modules that have hooks where there are tables of iptables
_TABLES = re.compile(r"ip6?_tables|ip6?table_|arp_tables|arptable_")
_DEVICE = {"ingress": ("nf_hooks_ingress",), "egress": ("nf_hooks_egress",)}
_PRIORITIES = {
    "ipv4": ("enum nf_ip_hook_priorities", "NF_IP_PRI_"),
    "ipv6": ("enum nf_ip6_hook_priorities", "NF_IP6_PRI_"),
}


class Hook(Record, frozen=True):
    """A function that sees packets; those of a family and hook in the order of their ``priority``.

    ``priority_name`` is the kernel's name for that number, if it has one; ``function`` the symbol, ``module``
    whose it is (None: the kernel's). ``kind`` is ``nf_tables`` or ``bpf``, None for all others (and on
    kernels before 5.14, which don't tell). ``private_address``: what the function is called with: a
    ``struct nft_chain``, a ``struct xt_table``. ``address`` of the ``struct nf_hook_ops``.
    """

    netns: str | None
    family: str
    hook: str
    device: str | None
    priority: int | None
    priority_name: str | None
    function: str | None
    module: str | None
    kind: str | None
    private_address: int | None
    address: int | None


class _Chain(NamedTuple):
    """Where the functions of a family and hook are listed."""

    net: int | None
    family: str
    hook: str
    device: str | None
    pointer: int


def report(crash: Any, **options: Any) -> Report:
    """The hooks that are asked for; ``options`` by the names in `OPTIONS`."""
    asked = {option.name: option.absent for option in OPTIONS} | options
    kernel = crash.kernel
    survey = Survey.of(kernel, asked["netns"])
    rows: list[Hook] = []
    if kernel.has_member("struct net", "nf"):
        rows = survey.attempt(_WHAT, partial(_hooks, survey))
    else:
        survey.absent("netfilter")
    families = {one for word in asked["family"] for one in (word.lower(), *_ALSO.get(word.lower(), ()))}
    everything, rows = rows, _of(families, rows)
    several = ("netns",) if len({row.netns for row in rows}) > 1 else ()
    shown = (*several, "family", "hook", "priority", "function", "module", "kind", "device", "priority_name")
    tables = [Table(name="hooks", rows=rows, columns=(*shown, "private_address", "address"))]
    modules, wanted = {row.module or "" for row in everything}, asked["rules"]
    more = [
        *_of_nf_tables(survey, rules=wanted, hooked="nf_tables" in modules),
        *_of_iptables(survey, rules=wanted, hooked=any(_TABLES.match(module) for module in modules)),
    ]
    tables += [msgspec.structs.replace(table, rows=_of(families, table.rows)) for table in more]
    return Report(
        report=NAME,
        tables=tuple(tables),
        complete=survey.complete,
        warnings=tuple(dict.fromkeys(survey.notices)),
    )


def _unreadable(survey: Survey, what: str, kind: str, *, hooked: bool) -> None:
    """Tell that structures aren't known; something is missing where there are hooks of theirs."""
    reason = "debug data of its module isn't there"
    try:
        survey.kernel.type(kind)
    except UnknownTypeError as error:
        reason = str(error)
    survey.miss([Notice(kind="absent", message=f"{what} are not read: {reason}")], complete=not hooked)


def _of(families: set[str], rows: Sequence[Any]) -> list[Any]:
    """Rows of the families that are asked for."""
    return [row for row in rows if not families or row.family in families]


def _of_iptables(survey: Survey, *, rules: bool, hooked: bool) -> list[Table]:
    """Tables of iptables and ip6tables, where there are any."""
    if not xtables.used(survey):
        return []
    if not xtables.readable(survey):
        _unreadable(survey, "tables of iptables", "struct xt_table", hooked=hooked)
        return []
    found = survey.attempt("rules of iptables", lambda: [xtables.contents(survey)])
    if not found or not found[0].chains:
        return []
    chains, told = found[0]
    where = ("netns",) if len({chain.netns for chain in chains}) > 1 else ()
    tables = [Table(name="iptables_chains", rows=chains, title="Chains of iptables")]
    if rules:
        columns = (*where, "family", "table", "counters", "rule")
        title = "Rules of iptables"
        tables.append(Table(name="iptables_rules", rows=told, columns=columns, layout="lines", title=title))
    return tables


def _of_nf_tables(survey: Survey, *, rules: bool, hooked: bool) -> list[Table]:
    """What nf_tables has, where there is any of it."""
    if not nftables.used(survey):
        return []
    if not nftables.readable(survey):
        _unreadable(survey, "chains of nf_tables", "struct nft_table", hooked=hooked)
        return []
    found = survey.attempt("chains of nf_tables", lambda: nftables.chains(survey))
    chains = [one.chain for one in found]
    tables = [Table(name="chains", rows=chains, title="Chains of nf_tables")] if chains else []
    if rules and chains:
        where = ("netns",) if len({chain.netns for chain in chains}) > 1 else ()
        tables += _contents(survey, found, where)
    return tables


def _contents(survey: Survey, chains: Sequence[nftables.Rules], where: tuple[str, ...]) -> Iterator[Table]:
    """Rules, and what they refer to."""
    decoder = Decoder(survey, {**FORMS, **ACTIONS, **nft_objects.OBJECT_FORMS})
    told = survey.attempt("rules of nf_tables", lambda: nft_rules.rules(survey, decoder, chains))
    columns = (*where, "family", "table", "chain", "handle", "rule", "comment")
    yield Table(name="rules", rows=told, columns=columns, layout="lines", title="Rules of nf_tables")
    sets = survey.attempt(nft_sets.WHAT, lambda: [nft_sets.contents(survey, decoder)])
    if sets and sets[0].sets:
        columns = (
            *where,
            "family",
            "table",
            "name",
            "kind",
            "type",
            "data_type",
            "elements",
            "flags",
            "backend",
        )
        yield Table(name="sets", rows=sets[0].sets, columns=columns, title="Sets of nf_tables")
        columns = (
            *where,
            "family",
            "table",
            "set",
            "key",
            "key_end",
            "data",
            "expires",
            "expressions",
            "comment",
        )
        yield Table(name="elements", rows=sets[0].elements, columns=columns, title="Elements of sets")
    things = survey.attempt("objects of nf_tables", lambda: nft_objects.objects(survey, decoder))
    if things:
        columns = (*where, "family", "table", "name", "type", "content", "uses", "handle", "comment")
        yield Table(name="objects", rows=things, columns=columns, title="Objects of nf_tables")
    flows = survey.attempt("flowtables", lambda: nft_objects.flowtables(survey))
    if flows:
        columns = (*where, "family", "table", "name", "hook", "priority", "devices", "flags", "entries")
        yield Table(name="flowtables", rows=flows, columns=columns, title="Flowtables")
    if decoder.unknown:
        message = f"arguments of {', '.join(sorted(decoder.unknown))} have no words here; shown as they are"
        survey.miss([Notice(kind="info", message=message)], complete=True)


def _hooks(survey: Survey) -> Iterator[Hook]:
    kernel = survey.kernel
    # lists of entries until 960632ece694 (4.14)
    if not kernel.has_member(_ENTRIES, "num_hook_entries"):
        raise UnknownMemberError(f"no {_ENTRIES}.num_hook_entries")
    chains = [*_of_families(survey), *_of_devices(survey)]
    pointers = [chain.pointer for chain in chains]
    counts = kernel.read_many(_ENTRIES, pointers, ["num_hook_entries"])
    names = _priority_names(survey)
    for chain, count in zip(chains, survey.gaps(counts, _WHAT)["num_hook_entries"], strict=True):
        if count is not None and count > _MOST:
            message = f"{_WHAT}: {count} at {chain.pointer:#x} can't be; not read"
            survey.miss([Notice(kind="node", message=message)])
        elif count:
            yield from _of_chain(survey, chain, count, names.get(chain.family, {}))


def _of_families(survey: Survey) -> Iterator[_Chain]:
    """Arrays of pointers in each namespace, one for each family since b0f38338aef2 (4.16)."""
    kernel = survey.kernel
    kind = kernel.type(kernel.place("struct net", "nf").type)
    members = [leaf[0] for leaf in kind.leaves()] if isinstance(kind, StructType) else []
    families = [name.removeprefix("hooks_") for name in members if name.startswith("hooks_")]
    if not families:
        raise UnknownMemberError("struct netns_nf has no hooks_ipv4")
    nets = [one.address for one in survey.namespaces.found if one.address in survey.chosen]
    columns = kernel.read_many("struct net", nets, [f"nf.hooks_{family}" for family in families])
    for net, arrays in zip(nets, survey.gaps(columns, _WHAT), strict=True):
        for family, pointers in zip(families, arrays, strict=True):
            for number, pointer in enumerate(pointers or ()):
                if pointer:
                    yield _Chain(net, family, _hook_name(family, number), None, pointer)


def _hook_name(family: str, number: int) -> str:
    known = _HOOKS.get(family, ())
    return known[number] if number < len(known) else str(number)


def _of_devices(survey: Survey) -> Iterator[_Chain]:
    """Hooks of interfaces: what comes in, what goes out (5.16)."""
    kernel = survey.kernel
    hooks = [name for name, paths in _DEVICE.items() if kernel.chain("struct net_device", paths)]
    devices = for_each_net_device(kernel)
    survey.walked(devices, "interfaces")
    columns = devices.read(["nd_net.net", "name", *(_DEVICE[name][0] for name in hooks)])
    for net, device, *pointers in survey.gaps(columns, "hooks of interfaces"):
        for name, pointer in zip(hooks, pointers, strict=True):
            if pointer and net in survey.chosen:
                yield _Chain(net, "netdev", name, device, pointer)


def _of_chain(survey: Survey, chain: _Chain, count: int, names: dict[int, str]) -> Iterator[Hook]:
    """The functions lie in an array; pointers to what they were registered with lie in one behind it."""
    kernel = survey.kernel
    step, size = kernel.sizeof(_ENTRY), kernel.pointer_size
    first = chain.pointer + kernel.offset(_ENTRIES, "hooks")
    entries = kernel.read_many(_ENTRY, range(first, first + count * step, step), ["hook", "priv"])
    behind = first + count * step
    window = kernel.window()
    registered = window.words(range(behind, behind + count * size, size))
    known = [ops for ops in registered if ops]
    columns = kernel.read_many(_OPS, known, _ops_members(survey))
    settings = dict(zip(known, survey.gaps(columns, _WHAT), strict=True))
    for (function, private), ops in zip(survey.gaps(entries, _WHAT), registered, strict=True):
        priority, kind = (*settings.get(ops or 0, (None,)), None)[:2]
        place = kernel.symbols.lookup(function) if function else None
        yield Hook(
            netns=survey.labels.get(chain.net),
            family=chain.family,
            hook=chain.hook,
            device=chain.device,
            priority=priority,
            priority_name=names.get(priority) if priority is not None else None,
            function=_function(function, place),
            module=place.module if place else None,
            kind=_kind(survey, kind),
            private_address=private or None,
            address=ops or None,
        )


def _function(address: int | None, place: Any) -> str | None:
    if address is None or place is None:
        return None if address is None else f"{address:x}"
    return str(place.symbol.name) if not place.offset else f"{place.symbol.name}+{place.offset:#x}"


def _ops_members(survey: Survey) -> Sequence[str]:
    told = survey.kernel.has_member(_OPS, "hook_ops_type")
    return ["priority", "hook_ops_type"] if told else ["priority"]


def _kind(survey: Survey, number: int | None) -> str | None:
    """``nf_tables`` for NF_HOOK_OP_NF_TABLES; None for NF_HOOK_OP_UNDEFINED."""
    if not number:
        return None
    known = {value: name for name, value in survey.kernel.enumerators("enum nf_hook_ops_type").items()}
    return known.get(number, str(number)).removeprefix("NF_HOOK_OP_").lower()


def _priority_names(survey: Survey) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for family, (kind, prefix) in _PRIORITIES.items():
        try:
            known = survey.kernel.enumerators(kind)
        except UnknownTypeError:
            continue
        names = found.setdefault(family, {})
        for name, number in known.items():
            names.setdefault(number, name.removeprefix(prefix).lower())
    return found
