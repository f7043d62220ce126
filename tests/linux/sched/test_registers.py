"""Registers of CPUs: notes that kdump filled in, and what crash shows of a dump's header."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.sched.registers import cpu_registers
from crashdrive.linux.survey import Survey
from tests.dump.test_identity import core, file, note
from tests.kernel.fake_memory import ULONG, FakeMemory, fake_kernel, record

QEMU = """CPU 0:
  RAX: ffffffffa5a6aa00  RBX: 0000000000000000  RCX: 00000000c0000080
  RDX: 0000000000000000  RSI: 00000000000000ff  RDI:00000000000000f0
  RSP: ffffcd4380da7f08  RBP: ffff893b1dc19040   R8: 0000000000000008
   R9: 0000000000000000  R10: 0000000000000010  R11: 0000000000000000
  R15: 0000000000000000  RIP: ffffffffa5a3cfe3  RFLAGS: 00000093
   CS: selector: 0010  limit: ffffffff  flags: 00af9b00
       pad: 00000000   base: 0000000000000000
  CR0: 0000000080050033  CR1: 0000000000000000  CR2: 00000000004c7230

CPU 1:
    RIP: 000000000040381e  RSP: 00007ffefbe380e0  RFLAGS: 00000202
    RAX: 0000000376d77af7  RBX: 0000000000000000  RCX: 00000000004737a7
    RBP: 00000000004c04c0   R8: 0000000000000000   R9: 00000000004cbf00
    CS: 0033  SS: 002b
"""


class Guest:
    """Two CPUs, each with its note."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        mask, offsets, pointer, notes = (self.memory.allocate(0x3000, 0x1000) for _ in range(4))
        self.memory.word(mask, 3)
        self.memory.word(offsets, 0, 0x1000)
        self.memory.word(pointer, notes)
        self.notes = (notes, notes + 0x1000)
        self.symbols = {
            "__cpu_present_mask": mask,
            "__cpu_possible_mask": mask,
            "__per_cpu_offset": offsets,
            "crash_notes": pointer,
        }

    def note(self, cpu: int, *, name: bytes = b"CORE\0\0\0\0", kind: int = 1, size: int = 336) -> None:
        head = struct.pack("<III", 5, size, kind) + name + bytes(112)
        self.memory.write(self.notes[cpu], head + struct.pack("<21Q", *range(100 * cpu, 100 * cpu + 21)))

    def kernel(self, told: str | None = None) -> Kernel:
        mask = record("cpumask", ("bits", ArrayType(ULONG, 1)))
        answers = {} if told is None else {"help -r": told}
        return fake_kernel(self.memory, {"struct cpumask": mask}, self.symbols, answers)


def test_notes_of_kdump() -> None:
    guest = Guest()
    guest.note(0)
    guest.note(1)
    found = cpu_registers(Survey(guest.kernel()))
    assert found[1]["r15"] == 100
    assert (found[1]["bp"], found[1]["di"], found[1]["ip"], found[1]["cs"]) == (104, 114, 116, 117)
    assert (found[0]["sp"], found[0]["ss"]) == (19, 20)


def test_notes_of_ppc64_are_in_the_byte_order_of_the_kernel() -> None:
    """It runs in either."""
    guest = Guest()
    guest.memory = FakeMemory(">")
    place = guest.memory.allocate(0x3000, 0x1000)
    guest.memory.word(place, 1)
    guest.memory.word(place + 0x10, place + 0x100)
    guest.symbols = dict.fromkeys(guest.symbols, place) | {"crash_notes": place + 0x10}
    guest.symbols["__per_cpu_offset"] = place + 0x20
    words = struct.pack(">44Q", *range(44))
    head = struct.pack(">III", 5, 112 + len(words) + 40, 1) + b"CORE\0\0\0\0" + bytes(112)
    guest.memory.write(place + 0x100, head + words)
    kernel = guest.kernel()
    kernel.session.identity["machine"] = "21"  # type: ignore[index] # the test's double
    found = cpu_registers(Survey(kernel))
    assert (found[0]["ip"], found[0]["sp"], found[0]["link"]) == (32, 1, 36)


def test_what_is_no_note_is_asked_of_crash() -> None:
    guest = Guest()
    guest.note(0, kind=2)
    guest.note(1, name=b"VMCOREIN")
    found = cpu_registers(Survey(guest.kernel(QEMU)))
    assert (found[0]["ip"], found[0]["sp"], found[0]["bp"]) == (
        0xFFFF_FFFF_A5A3_CFE3, 0xFFFF_CD43_80DA_7F08, 0xFFFF_893B_1DC1_9040,
    )  # fmt: skip
    assert (found[0]["di"], found[0]["cs"], found[0]["r8"], found[0]["r10"]) == (0xF0, 0x10, 8, 16)
    assert (found[0]["flags"], found[1]["cs"], found[1]["ip"]) == (0x93, 0x33, 0x40381E)


def test_nothing_tells() -> None:
    guest = Guest()
    guest.note(0)
    guest.note(1, size=200)
    offline = "CPU 0: [OFFLINE]\nCPU 1:\n  RAX: 0000000000000000\n"
    for told in (None, offline):
        survey = Survey(guest.kernel(told))
        assert cpu_registers(survey).keys() == {0}
        assert survey.complete


@pytest.mark.parametrize("told", [None, QEMU])
def test_what_is_missing_is_said_also_where_others_are_found(told: str | None) -> None:
    guest = Guest()
    guest.note(0)
    guest.memory.hole(guest.notes[1])
    survey = Survey(guest.kernel(told))
    assert cpu_registers(survey).keys() == ({0, 1} if told else {0})
    assert not survey.complete
    assert survey.notices[0].message.startswith("registers that kdump saved of CPU 1")
    assert survey.notices[0].message.endswith("are excluded")


def test_where_the_notes_are_may_be_missing() -> None:
    guest = Guest()
    guest.memory.hole(guest.symbols["crash_notes"])
    survey = Survey(guest.kernel())
    assert cpu_registers(survey) == {}
    assert not survey.complete


def prstatus(first: int) -> bytes:
    words = struct.pack("<21Q", *range(first, first + 21))
    return note(b"CORE", 1, bytes(112) + words + bytes(336 - 112 - len(words)))


def of_a_dump(guest: Guest, path: Path) -> dict[int, int]:
    kernel = guest.kernel()
    kernel.session.identity["vmcore"] = str(path)  # type: ignore[index] # the test's double
    found = cpu_registers(Survey(kernel))
    assert kernel.session.commands == []  # type: ignore[attr-defined] # the test's double
    return {cpu: registers["r15"] for cpu, registers in found.items()}


def test_notes_of_the_hypervisor_are_in_the_order_of_cpus(tmp_path: Path) -> None:
    guest = Guest()
    guest.note(1)
    notes = b"".join(map(prstatus, (500, 600, 700))) + note(b"QEMU", 0, bytes(440))
    assert of_a_dump(guest, file(tmp_path, core(notes))) == {0: 500, 1: 100}


def test_notes_of_the_kernel_are_taken_where_no_cpu_lacks_its_own(tmp_path: Path) -> None:
    guest = Guest()
    assert of_a_dump(guest, file(tmp_path, core(prstatus(500) + prstatus(600)))) == {0: 500, 1: 600}
    assert of_a_dump(guest, file(tmp_path, core(prstatus(500)))) == {}


def test_a_dump_that_tells_nothing_is_crashs_to_tell(tmp_path: Path) -> None:
    for content in (core(note(b"VMCOREINFO", 0, b"")), b"no dump"):
        kernel = Guest().kernel(QEMU)
        kernel.session.identity["vmcore"] = str(file(tmp_path, content))  # type: ignore[index] # the test's double
        assert cpu_registers(Survey(kernel)).keys() == {0, 1}
