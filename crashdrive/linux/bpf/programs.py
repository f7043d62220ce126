"""Programs of eBPF, as ``bpftool prog`` lists them (include/linux/bpf.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.bpf.maps import type_name, type_names
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_PROGRAM, _TYPES, _PREFIX = "struct bpf_prog", "enum bpf_prog_type", "BPF_PROG_TYPE_"
_FIELDS = {
    "type": ("type",),
    "tag": ("tag",),
    "name": ("aux->name",),
    "length": ("len",),
    "jited": ("jited",),
    "jited_length": ("jited_len",),
    "pages": ("pages",),
    "gpl": ("gpl_compatible",),
    "function": ("bpf_func",),
    "stats": ("stats", "aux->stats"),
    "uid": ("aux->user->uid.val", "aux->user->uid"),
    "loaded": ("aux->load_time",),
    "verified": ("aux->verified_insns",),
    "references": ("aux->refcnt.counter", "aux->refcnt"),
    "maps": ("aux->used_maps",),
    "map_count": ("aux->used_map_cnt",),
    "attach": ("aux->attach_func_name",),
}
_NEEDED = ("type", "tag", "length")
_STATS = "struct bpf_prog_stats"
# counters have been u64_stats_t since 5.15 (61a0abaee209)
_OF_STATS = {
    "runs": ("cnt.v.a.a.counter", "cnt.v.a.counter", "cnt.v", "cnt"),
    "nanoseconds": ("nsecs.v.a.a.counter", "nsecs.v.a.counter", "nsecs.v", "nsecs"),
    "misses": ("misses.v.a.a.counter", "misses.v.a.counter", "misses.v", "misses"),
}
# struct bpf_insn
_INSTRUCTION = 8
_SECOND = 1_000_000_000
# MAX_USED_MAPS (include/linux/bpf.h)
_MOST_MAPS = 64


class BpfProgramRow(Record, frozen=True):
    """A program: ``program_type`` as bpftool calls it, ``program_tag``: hash of its instructions.

    ``translated_bytes`` and ``jited_bytes``: its length in eBPF's and in the CPU's instructions (0: not
    compiled). ``verified_count``: instructions that the verifier went through. ``loaded_at``: seconds since
    boot. ``attached_function``: of tracing programs. ``run_count`` and ``run_seconds`` are 0 unless
    kernel.bpf_stats_enabled is on; ``missed_runs``: left out, as it was running on that CPU already.
    ``map_ids``: its maps. ``held_by_pids``: processes that have a descriptor of it.
    """

    program_id: int
    program_type: str | None
    program_name: str | None
    program_tag: str | None
    uid: int | None
    loaded_at: float | None
    translated_bytes: int | None
    jited_bytes: int | None
    program_bytes: int | None
    verified_count: int | None
    gpl_compatible: bool | None
    map_ids: tuple[int, ...] | None
    attached_function: str | None
    run_count: int | None
    run_seconds: float | None
    missed_runs: int | None
    reference_count: int | None
    held_by_pids: tuple[int, ...]
    bpf_prog: Address


def bpf_programs(survey: Survey, held: Mapping[int, tuple[int, ...]]) -> Iterator[BpfProgramRow]:
    """All programs by their numbers; ``held``: of `holders`."""
    kernel = survey.kernel
    if not kernel.symbols.has("prog_idr"):
        survey.absent("programs of eBPF")
        return
    found = kernel.walk_idr(kernel.symbols.address("prog_idr"))
    survey.walked(found, "programs of eBPF")
    rows = survey.addressed(
        Fields(kernel, _PROGRAM, _FIELDS, _NEEDED), [entry for _, entry in found], "programs of eBPF"
    )
    names = type_names(survey, _TYPES, _PREFIX)
    attached = texts(survey, (row["attach"] for _, row in rows), "functions that programs are attached to")
    maps = _maps(survey, [row for _, row in rows])
    counted = _counted(survey, [row["stats"] for _, row in rows])
    for at, ((number, _), (place, row)) in enumerate(zip(found, rows, strict=True)):
        counts = counted[at]
        yield BpfProgramRow(
            program_id=number,
            program_type=type_name(names, row["type"]),
            program_name=row["name"] or None,
            program_tag=None if row["tag"] is None else bytes(row["tag"]).hex(),
            uid=row["uid"],
            loaded_at=None if row["loaded"] is None else row["loaded"] / _SECOND,
            translated_bytes=None if row["length"] is None else row["length"] * _INSTRUCTION,
            jited_bytes=_jited(row),
            program_bytes=None if row["pages"] is None else row["pages"] * kernel.page_size,
            verified_count=row["verified"],
            gpl_compatible=None if row["gpl"] is None else bool(row["gpl"]),
            map_ids=maps[at],
            attached_function=attached[row["attach"]],
            run_count=counts["runs"],
            run_seconds=None if counts["nanoseconds"] is None else counts["nanoseconds"] / _SECOND,
            missed_runs=counts["misses"],
            reference_count=row["references"],
            held_by_pids=held.get(place, ()),
            bpf_prog=place,
        )


def _jited(row: Mapping[str, Any]) -> int | None:
    if row["jited"] is None or row["jited_length"] is None:
        return None
    return row["jited_length"] if row["jited"] else 0


def _maps(survey: Survey, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...] | None]:
    """Numbers of the maps of each program; None where they are missing."""
    kernel = survey.kernel
    arrays: list[tuple[int, int]] = []
    for row in rows:
        count, place = row["map_count"], row["maps"]
        if count is not None and count > _MOST_MAPS:
            survey.miss(
                [Notice(kind="damaged", message=f"{count} maps of a program are impossible; not read")]
            )
            count = None
        arrays.append((place or 0, count or 0) if count is not None and (place or not count) else (0, -1))
    step = kernel.pointer_size
    slots = [place + step * at for place, count in arrays for at in range(count)]
    column = survey.gaps(kernel.read_many("struct bpf_map *", slots, [""]), "maps of programs")[""]
    ids = survey.gaps(
        kernel.read_many("struct bpf_map", [place for place in column if place], ["id"]), "maps of programs"
    )
    known = dict(zip(ids.addresses, ids["id"], strict=True))
    places = iter(column)
    found: list[tuple[int, ...] | None] = []
    for _, count in arrays:
        own = [known.get(next(places) or 0) for _ in range(count)]
        numbers = tuple(number for number in own if number is not None)
        found.append(numbers if count >= 0 and len(numbers) == count else None)
    return found


def _counted(survey: Survey, places: Sequence[int | None]) -> list[dict[str, int | None]]:
    """Sums of the counters of all CPUs; None where one is missing, or the kernel has no such counter."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    fields = Fields(kernel, _STATS, _OF_STATS)
    own = [kernel.per_cpu_address(place, cpu) for place in places if place for cpu in cpus]
    rows = iter(survey.rows(fields, own, "statistics of programs"))
    found: list[dict[str, int | None]] = []
    for place in places:
        counts = [next(rows) for _ in cpus] if place else []
        found.append(
            {
                name: sum(row[name] for row in counts)
                if counts and all(row[name] is not None for row in counts)
                else None
                for name in _OF_STATS
            }
        )
    return found
