"""Chunks of dynamic per-CPU memory (mm/percpu.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_KIND = "struct pcpu_chunk"
_FIELDS = {
    "base": ("base_addr",),
    "free": ("free_bytes",),
    "pages": ("nr_pages",),
    "populated": ("nr_populated",),
    "immutable": ("immutable",),
}
_INTS = ("pcpu_nr_slots", "pcpu_nr_units")
_MOST_SLOTS = 1 << 10


class PercpuChunk(Record, frozen=True):
    """A chunk: ``unit_bytes`` of addresses for each CPU, of which ``populated_bytes`` have memory.

    ``free_unit_bytes`` of a unit are free. ``all_cpu_bytes``: memory of all CPUs' units together, what
    /proc/meminfo adds up as Percpu. ``first_chunk``: the chunk beside the kernel's static variables, or that
    of modules' static variables.
    """

    base: Address | None
    unit_bytes: int | None
    populated_bytes: int | None
    free_unit_bytes: int | None
    all_cpu_bytes: int | None
    first_chunk: bool
    chunk: Address


def percpu_chunks(survey: Survey) -> Iterator[PercpuChunk]:
    """All chunks, the reserved one (modules' static variables) included."""
    kernel, page = survey.kernel, survey.kernel.page_size
    places = [kernel.symbols.address(name) for name in _INTS]
    slots, units = survey.gaps(kernel.read_many("int", places, [""]), "sizes of per-CPU memory")[""]
    if slots is None or not 0 <= slots <= _MOST_SLOTS:
        if slots is not None:
            survey.miss([Notice(kind="damaged", message=f"{slots} lists of per-CPU chunks are impossible")])
        return
    # pcpu_slot in kernels before 5.9
    name = "pcpu_chunk_lists" if kernel.symbols.has("pcpu_chunk_lists") else "pcpu_slot"
    first = kernel.read_pointer(kernel.symbols.address("pcpu_first_chunk"))
    start = kernel.read_pointer(kernel.symbols.address(name))
    step = kernel.sizeof("struct list_head")
    found = kernel.walk_lists([start + step * at for at in range(slots)], _KIND, "list")
    survey.walked(found, "chunks of per-CPU memory")
    reserved = kernel.read_pointer(kernel.symbols.address("pcpu_reserved_chunk"))
    chunks = list(dict.fromkeys([*found.addresses, *([reserved] if reserved else [])]))
    fields = Fields(kernel, _KIND, _FIELDS, ("base", "free", "populated"))
    for address, row in survey.addressed(fields, chunks, "chunks of per-CPU memory"):
        populated = scaled(row["populated"], page)
        yield PercpuChunk(
            base=row["base"],
            unit_bytes=scaled(row["pages"], page),
            populated_bytes=populated,
            free_unit_bytes=row["free"],
            all_cpu_bytes=None if units is None else scaled(populated, units),
            first_chunk=address in {first, reserved},
            chunk=address,
        )
