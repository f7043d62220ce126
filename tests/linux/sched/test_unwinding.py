"""Unwind tables that are nowhere."""

from __future__ import annotations

from crashdrive.linux.sched.unwinding import _Bytes
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import PAGE, FakeMemory, fake_kernel


def test_tables_that_neither_the_dump_nor_the_vmlinux_has_are_told_of() -> None:
    memory = FakeMemory()
    place = memory.allocate(16, PAGE)
    survey = Survey(fake_kernel(memory))
    assert _Bytes(survey).of_tables(place, 8) == bytes(8)
    memory.hole(place)
    # what only may be code is no table
    assert _Bytes(survey).read(place, 8) is None
    assert not survey.notices
    assert _Bytes(survey).of_tables(place, 8) is None
    assert not survey.complete
    assert "neither in the dump nor in the vmlinux" in survey.notices[0].message
