"""Virtual machines of a made-up host, and the memory of a guest, of kernels that tell them otherwise."""

from __future__ import annotations

import pytest

from crashdrive.linux.mm.meminfo import managed_bytes
from crashdrive.linux.survey import Survey
from crashdrive.linux.virtio.machines import machines
from tests.kernel.fake_memory import FakeMemory, fake_kernel, link_list


def test_machines_of_a_kvm_whose_types_are_unknown_are_said_to_be_left_out() -> None:
    memory = FakeMemory()
    head = memory.allocate(16)
    link_list(memory, head, [])
    survey = Survey(fake_kernel(memory, {}, {"vm_list": head}))
    assert not survey.attempt("virtual machines", lambda: machines(survey))
    assert not survey.complete
    assert [notice.kind for notice in survey.notices] == ["elsewhere"]


def test_a_kernel_without_kvm_has_none() -> None:
    survey = Survey(fake_kernel(FakeMemory()))
    assert not survey.attempt("virtual machines", lambda: machines(survey))
    assert survey.complete


@pytest.mark.parametrize("name", ["_totalram_pages", "totalram_pages"])
def test_memory_of_a_guest_by_either_name(name: str) -> None:
    memory = FakeMemory()
    place = memory.allocate(8)
    memory.word(place, 25)
    assert managed_bytes(Survey(fake_kernel(memory, {}, {name: place}))) == 25 * 4096
