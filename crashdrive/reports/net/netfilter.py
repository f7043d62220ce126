"""netfilter: hooks in the order of their calls, chains, and rules.

\b
Examples:
  crashdrive report netfilter vmcore
  crashdrive report netfilter --netns red --family ipv4 vmcore
  crashdrive report netfilter --rules vmcore

Chains of nf_tables and of iptables follow; --rules adds their rules, worded as iptables-save -c and nft
--debug=netlink list ruleset do, and the sets, objects and flowtables that rules refer to. All NAT of a family
and hook is behind one function of the module nf_nat.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from crashdrive.choices import no_such
from crashdrive.errors import UnknownTypeError
from crashdrive.linux.net.netfilter import nft_objects, nft_rules, nft_sets, nftables, xtables
from crashdrive.linux.net.netfilter.hooks import every_hook
from crashdrive.linux.net.netfilter.nft_actions import ACTIONS
from crashdrive.linux.net.netfilter.nft_expressions import Decoder
from crashdrive.linux.net.netfilter.nft_forms import FORMS
from crashdrive.linux.net.netfilter.nft_words import FAMILIES
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Notice, Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "netfilter"
SUMMARY = "Netfilter's hooks, chains and rules: nf_tables, iptables, and other users of the hooks."
BTF = True
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
# nf_tables' names of a family; inet is IPv4 and IPv6
_ALSO = {"ipv4": ("ip", "inet"), "ipv6": ("ip6", "inet"), "ip": ("ipv4",), "ip6": ("ipv6",)}
_FAMILIES = ("ipv4", "ipv6", "arp", "bridge", "netdev", *FAMILIES.values())
# modules whose hooks show that iptables has tables
_TABLES = re.compile(r"ip6?_tables|ip6?table_|arp_tables|arptable_")


def report(crash: Any, **asked: Any) -> Report:
    """The hooks that are asked for; options by the names in `OPTIONS`."""
    families = _families(asked["family"])
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    everything = every_hook(survey)
    rows = _of(families, everything)
    several = ("netns",) if len({row.netns for row in rows}) > 1 else ()
    shown = (*several, "family", "hook", "priority", "function", "module", "kind", "device", "priority_name")
    tables = [Table(name="hooks", rows=rows, columns=(*shown, "private_address", "address"))]
    modules, wanted = {row.module or "" for row in everything}, asked["rules"]
    more = [
        *_of_nf_tables(survey, rules=wanted, hooked="nf_tables" in modules),
        *_of_iptables(survey, rules=wanted, hooked=any(_TABLES.match(module) for module in modules)),
    ]
    tables += [msgspec.structs.replace(table, rows=_of(families, table.rows)) for table in more]
    return report_of(NAME, survey, tables)


def _families(words: Sequence[str]) -> set[str]:
    """Families in upper or lower case, each with its other names; UsageError for an unknown family."""
    families: set[str] = set()
    for word in map(str.lower, words):
        if word not in _FAMILIES:
            raise no_such("family", word, _FAMILIES)
        families |= {word, *_ALSO.get(word, ())}
    return families


def _unreadable(survey: NetSurvey, what: str, kind: str, *, hooked: bool) -> None:
    """Note that structures are unknown; the report is incomplete where there are hooks for them."""
    reason = "debug data of its module isn't there"
    try:
        survey.kernel.type(kind)
    except UnknownTypeError as error:
        reason = str(error)
    survey.miss([Notice(kind="absent", message=f"{what} are not read: {reason}")], complete=not hooked)


def _of(families: set[str], rows: Sequence[Any]) -> list[Any]:
    """Rows of the families that are asked for."""
    return [row for row in rows if not families or row.family in families]


def _of_iptables(survey: NetSurvey, *, rules: bool, hooked: bool) -> list[Table]:
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


def _of_nf_tables(survey: NetSurvey, *, rules: bool, hooked: bool) -> list[Table]:
    """Chains of nf_tables and what is in them, where there are any."""
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


def _contents(survey: NetSurvey, chains: Sequence[nftables.Rules], where: tuple[str, ...]) -> Iterator[Table]:
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
            "element_count",
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
