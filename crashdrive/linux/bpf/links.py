"""Links of eBPF: what attaches a program to something (include/linux/bpf.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.bpf.maps import type_name, type_names
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.survey import Survey

_LINK, _TYPES, _PREFIX = "struct bpf_link", "enum bpf_link_type", "BPF_LINK_TYPE_"
_FIELDS = {"type": ("type",), "program": ("prog",), "id": ("prog->aux->id",), "name": ("prog->aux->name",)}


class BpfLinkRow(Record, frozen=True):
    """A link: ``link_type`` as bpftool calls it, the program that it attaches, processes that hold it."""

    link_id: int
    link_type: str | None
    program_id: int | None
    program_name: str | None
    held_by_pids: tuple[int, ...]
    bpf_link: Address


def bpf_links(survey: Survey, held: Mapping[int, tuple[int, ...]]) -> Iterator[BpfLinkRow]:
    """All links by their numbers; none in kernels before 5.8, which have no list of them."""
    kernel = survey.kernel
    if not kernel.symbols.has("link_idr"):
        survey.absent("list of eBPF's links")
        return
    found = kernel.walk_idr(kernel.symbols.address("link_idr"))
    survey.walked(found, "links of eBPF")
    names = type_names(survey, _TYPES, _PREFIX)
    rows = survey.addressed(
        Fields(kernel, _LINK, _FIELDS, ("type", "program")), [entry for _, entry in found], "links of eBPF"
    )
    for (number, _), (place, row) in zip(found, rows, strict=True):
        yield BpfLinkRow(
            link_id=number,
            link_type=type_name(names, row["type"]),
            program_id=row["id"],
            program_name=row["name"] or None,
            held_by_pids=held.get(place, ()),
            bpf_link=place,
        )
