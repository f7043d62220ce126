"""Maps of eBPF, as ``bpftool map`` lists them (include/linux/bpf.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Bits, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.survey import Survey

_MAP, _TYPES, _PREFIX = "struct bpf_map", "enum bpf_map_type", "BPF_MAP_TYPE_"
_DEPRECATED = "_DEPRECATED"
_FIELDS = {
    "id": ("id",),
    "type": ("map_type",),
    "name": ("name",),
    "key": ("key_size",),
    "value": ("value_size",),
    "entries": ("max_entries",),
    "flags": ("map_flags",),
    "references": ("refcnt.counter", "refcnt"),
    "frozen": ("frozen",),
}


class BpfMapRow(Record, frozen=True):
    """A map: ``map_type`` as bpftool calls it; key and value in bytes; ``max_entries``: room for so many.

    ``map_frozen``: programs of users may not write it any more. ``reference_count``: by programs,
    descriptors, pins. ``held_by_pids``: processes that have a descriptor of it.
    """

    map_id: int
    map_type: str | None
    map_name: str | None
    key_bytes: int | None
    value_bytes: int | None
    max_entries: int | None
    map_flags: Bits | None
    map_frozen: bool | None
    reference_count: int | None
    held_by_pids: tuple[int, ...]
    bpf_map: Address


def bpf_maps(survey: Survey, held: Mapping[int, tuple[int, ...]]) -> Iterator[BpfMapRow]:
    """All maps by their numbers; ``held``: of `holders`."""
    kernel = survey.kernel
    if not kernel.symbols.has("map_idr"):
        survey.absent("maps of eBPF")
        return
    found = kernel.walk_idr(kernel.symbols.address("map_idr"))
    survey.walked(found, "maps of eBPF")
    names = type_names(survey, _TYPES, _PREFIX)
    fields = Fields(kernel, _MAP, _FIELDS, ("id", "type", "key", "value", "entries"))
    rows = survey.addressed(fields, [entry for _, entry in found], "maps of eBPF")
    for (number, _), (place, row) in zip(found, rows, strict=True):
        yield BpfMapRow(
            map_id=number,
            map_type=type_name(names, row["type"]),
            map_name=row["name"] or None,
            key_bytes=row["key"],
            value_bytes=row["value"],
            max_entries=row["entries"],
            map_flags=row["flags"],
            map_frozen=row["frozen"],
            reference_count=row["references"],
            held_by_pids=held.get(place, ()),
            bpf_map=place,
        )


def type_names(survey: Survey, enumeration: str, prefix: str) -> dict[int, str]:
    """What bpftool calls each type of an enumeration: ``lru_hash``."""
    numbers: dict[str, int] = survey.kernel.enumerators(enumeration)
    found: dict[int, str] = {}
    # of two names of a number bpftool has the one that isn't deprecated (c4bcfb38a95e, in 6.2)
    for name in sorted(numbers, key=lambda name: name.endswith(_DEPRECATED)):
        if name.startswith(prefix):
            found.setdefault(numbers[name], name.removeprefix(prefix).lower())
    return found


def type_name(names: Mapping[int, str], number: Any) -> str | None:
    """The name of a type, its number where this kernel doesn't name it."""
    return None if number is None else names.get(number, str(number))
