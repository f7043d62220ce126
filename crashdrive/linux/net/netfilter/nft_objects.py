"""Objects of nf_tables (counters, quotas, limits, ...) and flowtables.

Sources: include/net/netfilter/nf_tables.h (struct nft_object, nft_flowtable), net/netfilter/nft_{counter,
quota,limit,ct,connlimit,synproxy}.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashdrive.linux.net.netfilter.nft_actions import ACTIONS
from crashdrive.linux.net.netfilter.nft_expressions import Decoder, Form, Kind, Row
from crashdrive.linux.net.netfilter.nft_forms import same
from crashdrive.linux.net.netfilter.nft_rules import comment
from crashdrive.linux.net.netfilter.nft_words import OBJECTS, bits, named
from crashdrive.linux.net.netfilter.nftables import Place, hook_name, listed, string, tables
from crashdrive.linux.net.netfilter.xt_text import protocol
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Address, Record

_TABLE, _OBJECT, _FLOWTABLE = "struct nft_table", "struct nft_object", "struct nft_flowtable"
_WHAT, _FLOWS = "objects of nf_tables", "flowtables"
_FLOW_FLAGS = {1: "offload", 2: "counter"}


class Object(Record, frozen=True):
    """A named counter, quota, limit, ... of rules; ``content``: in the words of ``nft --debug=netlink``.

    ``uses`` counts rules and elements of sets that name it.
    """

    netns: str | None
    family: str
    table: str | None
    name: str | None
    type: str
    handle: int | None
    uses: int | None
    content: str
    comment: str | None
    address: Address


class Flowtable(Record, frozen=True):
    """A flowtable; ``entries``: directions of connections that bypass the rules."""

    netns: str | None
    family: str
    table: str | None
    name: str | None
    handle: int | None
    uses: int | None
    hook: str | None
    priority: int | None
    flags: tuple[str, ...]
    devices: tuple[str, ...]
    entries: int | None
    address: Address


def objects(survey: NetSurvey, decoder: Decoder) -> Iterator[Object]:
    """The objects of all tables."""
    kernel = survey.kernel
    name = kernel.path(_OBJECT, "key.name", "name")
    members = [name, "handle", "use", "ops->type->type", "ops->eval"]
    # older kernels have no comments here
    more = ["udata", "udlen"] if kernel.has_member(_OBJECT, "udlen") else []
    offset = kernel.offset(_OBJECT, "data")
    for table in tables(survey):
        head = table.address + kernel.offset(_TABLE, "objects")
        for address, values in list(listed(survey, head, _OBJECT, [*members, *more], table.active, _WHAT)):
            label, handle, uses, number, function, *rest = values
            kind = named(OBJECTS, number)
            place = kernel.symbols.lookup(function) if function else None
            said = decoder.one(Kind(kind, place.symbol.name if place else kind, 0, 0), address + offset)
            yield Object(
                netns=table.netns, family=table.family, table=table.name, name=string(survey, label),
                type=kind, handle=handle, uses=uses, content=said.removeprefix("[ ").removesuffix(" ]"),
                comment=_comment(survey, *rest) if rest else None, address=address,
            )  # fmt: skip


def _comment(survey: NetSurvey, udata: int | None, length: int | None) -> str | None:
    return comment(survey.kernel.read(udata, length)) if udata and length else None


def flowtables(survey: NetSurvey) -> Iterator[Flowtable]:
    """The flowtables of all tables; none on kernels before 4.16."""
    kernel = survey.kernel
    if not kernel.has_member(_TABLE, "flowtables") or not kernel.has_type(_FLOWTABLE):
        return
    priority = kernel.path(_FLOWTABLE, "data.priority", "priority")
    members = ["name", "handle", "use", "hooknum", priority, "data.flags", "data.rhashtable.nelems.counter"]
    for table in tables(survey):
        head = table.address + kernel.offset(_TABLE, "flowtables")
        for address, values in list(listed(survey, head, _FLOWTABLE, members, table.active, _FLOWS)):
            name, handle, uses, hook, rank, flags, entries = values
            yield Flowtable(
                netns=table.netns, family=table.family, table=table.name, name=string(survey, name),
                handle=handle, uses=uses, hook=None if hook is None else _hook(table, hook), priority=rank,
                flags=tuple(bits(flags or 0, _FLOW_FLAGS)), devices=tuple(_devices(survey, address)),
                entries=entries, address=address,
            )  # fmt: skip


def _hook(table: Place, number: int) -> str:
    """The name of a flowtable's hook, which is a hook of devices in all families."""
    return hook_name("netdev" if table.family != "netdev" else table.family, number)


def _devices(survey: NetSurvey, flowtable: int) -> list[str]:
    kernel, kind = survey.kernel, "struct nft_hook"
    if not kernel.has_member(_FLOWTABLE, "hook_list"):
        return []
    path = kernel.path(kind, "ops.dev->name", "ifname")
    found = kernel.walk_list(flowtable + kernel.offset(_FLOWTABLE, "hook_list"), kind, "list")
    survey.walked(found, _FLOWS)
    return [name for name in survey.gaps(found.read([path]), _FLOWS)[path] if name is not None]


def _expectation(decoder: Decoder, row: Row) -> str:
    order: Any = decoder.kernel.byte_order
    port = int.from_bytes(row["dport"].to_bytes(2, order), "big")
    family = named({2: "ip", 10: "ip6"}, row["l3num"])
    said = f"ct expectation protocol {protocol(row['l4proto'])} dport {port}"
    return f"{said} timeout {row['timeout']}ms size {row['size']} l3proto {family}"


def _helper(decoder: Decoder, row: Row) -> str:
    pointer = row["helper4"] or row["helper6"]
    columns = decoder.kernel.read_many("struct nf_conntrack_helper", [pointer], ["name"])
    name = columns["name"][0]
    return f"ct helper type {name} protocol {protocol(row['l4proto'])}"


def _proxy(_: Decoder, row: Row) -> str:
    # NF_SYNPROXY_OPT_*
    given = bits(row["options"] & 0x0C, {8: "timestamp", 4: "sack-perm"})
    return " ".join([f"synproxy mss {row['mss']} wscale {row['wscale']}", *given])


OBJECT_FORMS: dict[str, Form] = {
    "nft_counter_obj_eval": ACTIONS["nft_counter_eval"],
    "nft_quota_obj_eval": ACTIONS["nft_quota_eval"],
    "nft_limit_obj_pkts_eval": ACTIONS["nft_limit_pkts_eval"],
    "nft_limit_obj_bytes_eval": ACTIONS["nft_limit_bytes_eval"],
    "nft_connlimit_obj_eval": ACTIONS["nft_connlimit_eval"],
    "nft_synproxy_obj_eval": Form(
        "struct nft_synproxy",
        {"mss": ("info.mss",), "wscale": ("info.wscale",), "options": ("info.options",)},
        _proxy,
    ),
    "nft_ct_expect_obj_eval": Form(
        "struct nft_ct_expect_obj", same("l3num", "dport", "l4proto", "size", "timeout"), _expectation
    ),
    "nft_ct_helper_obj_eval": Form(
        "struct nft_ct_helper_obj", same("helper4", "helper6", "l4proto"), _helper
    ),
}
