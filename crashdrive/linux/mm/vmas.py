"""Memory areas of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import FaultError
from crashdrive.kernel.structures.walk import lost, walk

if TYPE_CHECKING:
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine

_VMA = "struct vm_area_struct"


def for_each_vma(kernel: Machine, task: int) -> Objects:
    """Every ``struct vm_area_struct`` of a task by rising address.

    In a maple tree since 6.1 (d4af56c5c7c6), on a list by vm_next before (removed by 763ecb035029).
    """
    try:
        mm = kernel.object("struct task_struct", task).mm.value_()
    except FaultError as error:
        return kernel.objects(_VMA, walk([], [lost(error, "the task's mm")]))
    if not mm:
        return kernel.objects(_VMA, [])
    if kernel.has_member("struct mm_struct", "mm_mt"):
        found = kernel.walk_maple(mm + kernel.offset("struct mm_struct", "mm_mt"))
        return kernel.objects(_VMA, walk([entry for _, _, entry in found], found.problems))
    try:
        first = kernel.read_pointer(mm + kernel.offset("struct mm_struct", "mmap"))
    except FaultError as error:
        return kernel.objects(_VMA, walk([], [lost(error, "the first area")]))
    return kernel.walk_chain(first, _VMA, "vm_next")
