"""Filters of qdiscs and of their classes, as in ``tc filter show``.

Sources: net/sched/cls_api.c, include/net/sch_generic.h. A filter's conditions and actions are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.classes import ClassReading
from crashdrive.linux.net.tc.filter_kinds import READERS, Element
from crashdrive.linux.net.tc.qdisc_tree import QdiscReading
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Address, Record

_BLOCK, _CHAIN, _PROTO = "struct tcf_block", "struct tcf_chain", "struct tcf_proto"
_WHAT = "filters"


class Filter(Record, frozen=True):
    """Filters of one kind, protocol and priority (tc's ``pref``), on a device's qdisc or class (``parent``),
    or on a block that several share (``block``, without device). ``elements``: the filters themselves, None
    where this kind isn't read.
    """

    netns: str | None
    device: str | None
    parent: str | None
    block: int | None
    chain: int
    protocol: str
    priority: int
    kind: str
    elements: tuple[Element, ...] | None
    address: Address


class _Place(NamedTuple):
    netns: str | None
    device: str | None
    parent: str | None
    block: int | None


def filters(survey: Survey, found: Sequence[QdiscReading], shares: Sequence[ClassReading]) -> list[Filter]:
    """The filters on these qdiscs and on these classes."""
    places = _numbered(survey, dict(_places(found, shares)))
    order = {block: i for i, block in enumerate(places)}
    made = [
        _filter(survey, places[block], index, address, row)
        for block, index, first in sorted(_chains(survey, order), key=lambda one: order[one[0]])
        for address, row in _protos(survey, first)
    ]
    return [one for one in made if one is not None]


def _places(found: Sequence[QdiscReading], shares: Sequence[ClassReading]) -> Iterator[tuple[int, _Place]]:
    """Blocks by their addresses."""
    for one in found:
        for block in one.kind.blocks if one.kind is not None and one.private is not None else ():
            place = one.private.row[block.member] if one.private is not None else None
            if place:
                qdisc = one.qdisc
                yield place, _Place(qdisc.netns, qdisc.device, block.place or qdisc.handle, None)
    for share in shares:
        if share.share.block:
            row = share.row
            yield share.share.block, _Place(row.netns, row.device, row.handle, None)


def _numbered(survey: Survey, places: Mapping[int, _Place]) -> dict[int, _Place]:
    """Blocks with a number are shared: they belong to no single device."""
    fields = Fields(survey.kernel, _BLOCK, {"index": ("index",)})
    numbers = survey.read(fields, list(places), _WHAT)["index"]
    return {
        block: _Place(place.netns, None, None, number) if number else place
        for (block, place), number in zip(places.items(), numbers, strict=True)
    }


def _chains(survey: Survey, blocks: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """(block, its chain's number, the first filter of the chain), where there is a filter."""
    kernel = survey.kernel
    start = kernel.offset(_BLOCK, "chain_list")
    walked = kernel.walk_lists([block + start for block in blocks], _CHAIN, "list")
    survey.walked(walked, _WHAT)
    names = {"block": ("block",), "index": ("index",), "first": ("filter_chain",)}
    columns = survey.read(Fields(kernel, _CHAIN, names, names), walked.addresses, _WHAT)
    for block, index, first in zip(*columns.values(), strict=True):
        if first and block in blocks and index is not None:
            yield block, index, first


_PROTO_MEMBERS = {
    "kind": ("ops->kind",), "protocol": ("protocol",), "priority": ("prio",), "root": ("root",),
    "data": ("data",),
}  # fmt: skip


def _protos(survey: Survey, first: int) -> Iterator[tuple[int, dict[str, Any]]]:
    walked = survey.kernel.walk_chain(first, _PROTO, "next")
    survey.walked(walked, _WHAT)
    fields = Fields(survey.kernel, _PROTO, _PROTO_MEMBERS, _PROTO_MEMBERS)
    yield from survey.addressed(fields, walked.addresses, _WHAT)


def _filter(survey: Survey, place: _Place, chain: int, address: int, row: Mapping[str, Any]) -> Filter | None:
    if None in row.values():
        return None  # a hole, noted
    read = READERS.get(row["kind"])
    return Filter(
        **place._asdict(),
        chain=chain,
        protocol=tcwords.protocol(_from_network(survey, row["protocol"])),
        priority=row["priority"] >> 16,
        kind=row["kind"],
        elements=None if read is None else read(survey, row),
        address=address,
    )


def _from_network(survey: Survey, number: int) -> int:
    return (number >> 8 | number << 8) & 0xFFFF if survey.kernel.byte_order == "little" else number


def filter_lines(one: Filter) -> tuple[str, ...]:
    """The lines of ``tc filter show``, with the device, without conditions."""
    parent = one.parent if one.parent in {"ingress", "egress"} else f"parent {one.parent}"
    place = f"block {one.block}" if one.block else f"dev {one.device} {parent}"
    head = f"filter {place} protocol {one.protocol} pref {one.priority} {one.kind} chain {one.chain}"
    if one.elements is None:
        return (f"{head} [private data not read]",)
    return (head, *(" ".join(word_list(head, *element.words(one.kind))) for element in one.elements))
