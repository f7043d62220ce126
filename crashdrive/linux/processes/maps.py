"""Memory areas of processes, as /proc/PID/maps has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.fs.file_facts import file_facts
from crashdrive.linux.mm.vmas import for_each_vma
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.processes.rows import TaskRow
    from crashdrive.linux.survey import Survey

_VMA = "struct vm_area_struct"
_FIELDS = {
    "start": ("vm_start",),
    "end": ("vm_end",),
    "flags": ("vm_flags", "__vm_flags"),
    "file": ("vm_file",),
    "offset": ("vm_pgoff",),
}
_OF_MM = {
    "brk_start": ("mm->start_brk",), "brk": ("mm->brk",), "stack": ("mm->start_stack",),
    "vdso": ("mm->context.vdso",),
}  # fmt: skip
# VM_READ, VM_WRITE, VM_EXEC, VM_SHARED (include/linux/mm.h)
_MODES = ((1, "r"), (2, "w"), (4, "x"))
_SHARED = 8


class ProcessMap(Record, frozen=True):
    """A memory area of a process: from ``area_start`` to ``area_end``, ``area_permissions`` as ``r-xp``.

    ``path``: of the file that is mapped, from ``file_offset`` on, or ``[heap]``, ``[stack]``, ``[vdso]``;
    ``deleted``: the file has no name any more.
    """

    pid: int | None
    comm: str | None
    area_start: Address
    area_end: Address
    area_permissions: str | None
    file_offset: int | None
    path: str | None
    deleted: bool | None
    area_bytes: int
    vma: Address


def process_maps(survey: Survey, rows: Sequence[TaskRow]) -> Iterator[ProcessMap]:
    """The areas of these processes, by rising address; a walk for each."""
    kernel = survey.kernel
    places: list[tuple[TaskRow, int]] = []
    for row in rows:
        if row.mm:
            found = for_each_vma(kernel, row.task)
            survey.walked(found, "memory areas")
            places += [(row, area) for area in found.addresses]
    fields = Fields(kernel, _VMA, _FIELDS, _FIELDS)
    areas = survey.rows(fields, [area for _, area in places], "memory areas")
    tasks = list(dict.fromkeys(row.task for row, _ in places))
    own = Fields(kernel, "struct task_struct", _OF_MM, ("brk", "stack"))
    memory = dict(zip(tasks, survey.rows(own, tasks, "memory areas"), strict=True))
    files = file_facts(survey, [area["file"] for area in areas if area["file"]])
    for (row, address), area in zip(places, areas, strict=True):
        if area["start"] is None or area["end"] is None:
            continue
        file = files.get(area["file"] or 0)
        yield ProcessMap(
            pid=row.pid,
            comm=row.comm,
            area_start=area["start"],
            area_end=area["end"],
            area_permissions=_permissions(area["flags"]),
            file_offset=area["offset"] * kernel.page_size if area["file"] else None,
            path=file.path if file else _special(area["start"], area["end"], memory[row.task]),
            deleted=file.deleted if file else None,
            area_bytes=area["end"] - area["start"],
            vma=address,
        )


def _permissions(flags: int | None) -> str | None:
    if flags is None:
        return None
    modes = "".join(letter if flags & bit else "-" for bit, letter in _MODES)
    return modes + ("s" if flags & _SHARED else "p")


def _special(start: int, end: int, memory: dict[str, int | None]) -> str | None:
    """Names of areas without a file (fs/proc/task_mmu.c: show_map_vma())."""
    low, high, stack, vdso = (memory[name] for name in ("brk_start", "brk", "stack", "vdso"))
    if vdso and start == vdso:
        return "[vdso]"
    if low is not None and high is not None and start < high and end > low:
        return "[heap]"
    return "[stack]" if stack is not None and start <= stack < end else None
