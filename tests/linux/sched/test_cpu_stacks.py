"""The stacks that CPUs have besides those of tasks."""

from __future__ import annotations

from crashdrive.linux.sched.cpu_stacks import cpu_stacks
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import PAGE, FakeMemory
from tests.linux.net.small_kernel import two_cpus


def test_where_a_stack_is_unknown_is_said() -> None:
    memory = FakeMemory()
    first = memory.allocate(2 * PAGE, PAGE)
    memory.word(first, 0xFFFF_C900_0000_4000)
    memory.word(first + PAGE, 0xFFFF_C900_0000_8000)
    kernel = two_cpus(memory, {}, {"hardirq_stack_ptr": first})
    survey = Survey(kernel)
    found = cpu_stacks(survey)
    assert [len(stacks) for stacks in found.values()] == [1, 1]
    assert not survey.notices
    memory.hole(first + PAGE)
    found = cpu_stacks(survey)
    assert [len(stacks) for stacks in found.values()] == [1, 0]
    assert not survey.complete
    assert "stacks of 1 CPUs are unknown" in survey.notices[0].message
