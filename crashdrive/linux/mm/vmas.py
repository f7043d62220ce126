"""Memory areas of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import FaultError
from crashdrive.kernel.structures.walk import Problem, Walk, lost, walk

if TYPE_CHECKING:
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine

_VMA = "struct vm_area_struct"


def for_each_vma(kernel: Machine, task: int) -> Objects:
    """Every ``struct vm_area_struct`` of a task by rising address.

    In a maple tree since 6.1 (d4af56c5c7c6), on a list by vm_next before (removed by 763ecb035029). An entry
    with another ``vm_mm`` is no area of the task. ``map_count`` says how many there must be.
    """
    try:
        mm = kernel.object("struct task_struct", task).mm.value_()
    except FaultError as error:
        return kernel.objects(_VMA, walk([], [lost(error, "the task's mm")]))
    if not mm:
        return kernel.objects(_VMA, [])
    try:
        found, count = _entries(kernel, mm), int(kernel.object("struct mm_struct", mm).map_count)
    except FaultError as error:
        return kernel.objects(_VMA, walk([], [lost(error, "the task's mm")]))
    return kernel.objects(_VMA, _checked(kernel, mm, found, count))


def _entries(kernel: Machine, mm: int) -> Walk:
    if kernel.has_member("struct mm_struct", "mm_mt"):
        found = kernel.walk_maple(mm + kernel.offset("struct mm_struct", "mm_mt"))
        return walk([entry for _, _, entry in found], found.problems)
    first = kernel.read_pointer(mm + kernel.offset("struct mm_struct", "mmap"))
    return kernel.walk_chain(first, _VMA, "vm_next").walk


def _checked(kernel: Machine, mm: int, found: Walk, count: int) -> Walk:
    """The task's areas; problems for entries of another mm, and for a count that isn't ``count``."""
    owners = kernel.read_many(_VMA, found.addresses, ["vm_mm"])
    holes = {gap.row for gap in owners.gaps}
    problems = list(found.problems)
    kept: list[int] = []
    for row, (address, owner) in enumerate(zip(found.addresses, owners["vm_mm"], strict=True)):
        if row in holes:
            problems.append(
                Problem(kind="hole", address=address, message=f"area {address:#x} is not in the dump")
            )
        elif owner != mm:
            message = f"{address:#x} is no area of {mm:#x}: its vm_mm is {owner or 0:#x}"
            problems.append(Problem(kind="node", address=address, message=message))
        else:
            kept.append(address)
    if not problems and len(kept) != count:
        message = f"{len(kept)} areas found, map_count is {count}"
        problems.append(Problem(kind="node", address=mm, message=message))
    return walk(kept, problems)
