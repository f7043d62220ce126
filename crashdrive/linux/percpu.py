"""Per-CPU numbers, summed over all possible CPUs, as the kernel sums them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashdrive.kernel.types.model import Type
    from crashdrive.linux.survey import Survey


_COUNTER = "struct percpu_counter"


def arrays(survey: Survey, kind: str | Type, path: str, pointers: Sequence[int]) -> dict[int, Any]:
    """Sums of per-CPU arrays, by the ``__percpu`` pointer to their structure; None where a CPU's part is
    missing.
    """
    found = _instances(survey, kind, path, pointers)
    return {
        pointer: None if None in rows else [sum(column) for column in zip(*rows, strict=True)]
        for pointer, rows in found.items()
    }


def numbers(survey: Survey, kind: str | Type, path: str, pointers: Sequence[int]) -> dict[int, int | None]:
    """Sums of per-CPU numbers, by pointer; an empty path where the pointer is to the number itself."""
    found = _instances(survey, kind, path, pointers)
    return {pointer: None if None in rows else sum(rows) for pointer, rows in found.items()}


def counters(survey: Survey, places: Sequence[int], what: str) -> list[int | None]:
    """The value of each ``struct percpu_counter``: its count, and the part of each CPU.

    None where a part is missing, which is noted; a sum below 0 counts as 0.
    """
    columns = survey.gaps(survey.kernel.read_many(_COUNTER, places, ["count", "counters"]), what)
    held = numbers(survey, "int", "", [parts for parts in columns["counters"] if parts])
    sums = [(count, held.get(parts)) for count, parts in columns]
    return [None if count is None or part is None else max(0, count + part) for count, part in sums]


def _instances(
    survey: Survey, kind: str | Type, path: str, pointers: Sequence[int]
) -> dict[int, Sequence[Any]]:
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    places = [kernel.per_cpu_address(pointer, cpu) for pointer in pointers for cpu in cpus]
    cells = survey.gaps(kernel.read_many(kind, places, [path]), "per-cpu counters")[path]
    return {
        pointer: cells[at : at + len(cpus)]
        for pointer, at in zip(pointers, range(0, len(cells), len(cpus)), strict=True)
    }
