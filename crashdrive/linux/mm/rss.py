"""Pages of processes by kind, with the parts that CPUs hold: ``mm_struct.rss_stat`` (include/linux/mm.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux import percpu

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crashdrive.linux.survey import Survey

_MM = "struct mm_struct"
KINDS = {"file_pages": 0, "anonymous_pages": 1, "swapped_pages": 2, "shmem_pages": 3}
"""Kinds of pages by their index in ``rss_stat`` (mm_types_task.h); shmem since 4.5 (eca56ff906bd)."""


def exact_pages(survey: Survey, spaces: Iterable[int | None]) -> dict[int, dict[str, int | None]]:
    """Pages by kind of each ``struct mm_struct``, with the CPUs' parts of the counters.

    Empty where they are no percpu_counters, as before 6.2 (f1a7941243c1); /proc adds these parts since 6.16
    (82241a83cd15), and stable kernels since then.
    """
    kernel, mms = survey.kernel, list(dict.fromkeys(mm for mm in spaces if mm))
    if not kernel.has_member(_MM, "rss_stat[0].counters"):
        return {}
    offsets = {kind: kernel.offset(_MM, f"rss_stat[{number}]") for kind, number in KINDS.items()}
    places = [mm + offset for mm in mms for offset in offsets.values()]
    values = iter(percpu.counters(survey, places, "memory of processes"))
    return {mm: {kind: next(values) for kind in offsets} for mm in mms}
