"""Numbers that each CPU counts for itself."""

from __future__ import annotations

import pytest

from crashdrive.errors import CorruptError
from crashdrive.linux import percpu
from tests.kernel.fake_memory import (
    PAGE,
    FakeMemory,
)
from tests.linux.net.small_kernel import MIB, survey_of, two_cpus


def test_sums_over_cpus() -> None:
    memory = FakeMemory()
    kernel = two_cpus(memory, {"struct mib": MIB})
    place = memory.allocate(2 * PAGE, PAGE)
    memory.word(place, 1, 2, 3)
    memory.word(place + PAGE, 10, 20, (1 << 64) - 1)
    survey = survey_of(kernel)
    assert percpu.arrays(survey, "struct mib", "mibs", [place]) == {place: [11, 22, (1 << 64) + 2]}
    assert percpu.numbers(survey, "int", "", [place]) == {place: 11}
    assert survey.complete


def test_a_sum_without_one_cpu_is_none() -> None:
    memory = FakeMemory()
    kernel = two_cpus(memory, {"struct mib": MIB})
    place = memory.allocate(2 * PAGE, PAGE)
    memory.hole(place + PAGE)
    survey = survey_of(kernel)
    assert percpu.arrays(survey, "struct mib", "mibs", [place]) == {place: None}
    assert not survey.complete
    assert "excluded" in survey.notices[0].message


def test_a_present_cpu_that_cannot_be_is_damage() -> None:
    memory = FakeMemory()
    possible = memory.allocate(8)
    memory.word(possible, 1)
    kernel = two_cpus(memory, {"struct mib": MIB}, {"__cpu_possible_mask": possible})
    with pytest.raises(CorruptError, match="CPU 1 is present, and not possible"):
        kernel.per_cpu_address(0, 0)


def test_masks_without_a_cpu_are_damaged() -> None:
    memory = FakeMemory()
    kernel = two_cpus(memory, {"struct mib": MIB}, {"__cpu_possible_mask": memory.allocate(8)})
    memory.word(kernel.symbols.address("__cpu_present_mask"), 0)
    with pytest.raises(CorruptError, match="no CPU is possible"):
        percpu.numbers(survey_of(kernel), "int", "", [memory.allocate(8)])


def test_cpus_that_share_their_memory_are_damage() -> None:
    """Beyond the last CPU all offsets are the same: a mask that has one of these is damaged."""
    memory = FakeMemory()
    kernel = two_cpus(memory, {"struct mib": MIB})
    memory.word(kernel.symbols.address("__per_cpu_offset"), PAGE, PAGE)
    with pytest.raises(CorruptError, match="CPUs 0 and 1 have the same memory"):
        kernel.per_cpu_address(0, 1)
