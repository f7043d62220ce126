"""Interrupt vectors of x86's CPUs: allocated and free ones (kernel/irq/matrix.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_MATRIX, _MAP = "struct irq_matrix", "struct cpumap"
_FIELDS = {
    "available": ("available",),
    "allocated": ("allocated",),
    "managed": ("managed",),
    "managed_allocated": ("managed_allocated",),
    "online": ("online",),
}


class CpuVectors(Record, frozen=True):
    """A CPU's vectors: ``allocated_vectors`` for devices, ``free_vectors`` that are left.

    ``managed_vectors``: kept for devices with a queue for each CPU, of which ``managed_in_use`` are taken.
    """

    cpu: int
    allocated_vectors: int | None
    free_vectors: int | None
    managed_vectors: int | None
    managed_in_use: int | None
    vectors_online: bool | None


def cpu_vectors(survey: Survey) -> Iterator[CpuVectors]:
    """A row for each present CPU; none where the machine has no matrix of vectors."""
    kernel, cpus = survey.kernel, survey.kernel.cpus
    if not kernel.symbols.has("vector_matrix"):
        return
    matrix = kernel.read_pointer(kernel.symbols.address("vector_matrix"))
    maps = survey.gaps(kernel.read_many(_MATRIX, [matrix], ["maps"]), "vectors of CPUs")["maps"][0]
    if not maps:
        return
    places = [kernel.per_cpu_address(maps, cpu) for cpu in cpus]
    rows = survey.rows(Fields(kernel, _MAP, _FIELDS, ("available", "allocated")), places, "vectors of CPUs")
    for cpu, row in zip(cpus, rows, strict=True):
        online = row["online"]
        yield CpuVectors(
            cpu=cpu,
            allocated_vectors=row["allocated"],
            free_vectors=row["available"],
            managed_vectors=row["managed"],
            managed_in_use=row["managed_allocated"],
            vectors_online=None if online is None else bool(online),
        )
