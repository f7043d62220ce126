"""Areas of tasks in a dump with holes: what is missing is a problem, what is there stays."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import Type
from tests.kernel.fake_memory import INT, PAGE, ULONG, FakeMemory, fake_kernel, pointer, record

TYPES: dict[str, Type] = {
    "struct vm_area_struct": record(
        "vm_area_struct", ("vm_start", ULONG), ("vm_next", pointer("struct vm_area_struct")), ("vm_mm", ULONG)
    ),
    "struct mm_struct": record("mm_struct", ("mmap", pointer("struct vm_area_struct")), ("map_count", INT)),
    "struct task_struct": record("task_struct", ("mm", pointer("struct mm_struct"))),
}


class Places:
    """A task, its mm and its two areas, each in a page of its own."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.kernel = fake_kernel(self.memory, TYPES)
        self.task, self.mm, self.first, self.second = (self.memory.allocate(PAGE, PAGE) for _ in range(4))
        self.memory.word(self.task, self.mm)
        self.memory.word(self.mm, self.first, 2)
        self.memory.word(self.first, 0x1000, self.second, self.mm)
        self.memory.word(self.second, 0x2000, 0, self.mm)


@pytest.mark.parametrize(("lost", "left"), [("task", 0), ("mm", 0), ("first", 0), ("second", 1)])
def test_a_hole_is_a_problem(lost: str, left: int) -> None:
    places = Places()
    assert len(places.kernel.for_each_vma(places.task)) == 2
    places.memory.hole(getattr(places, lost))
    found = places.kernel.for_each_vma(places.task)
    assert not found.complete
    assert list(found.addresses) == [places.first, places.second][:left]
    assert {problem.kind for problem in found.problems} == {"hole"}
