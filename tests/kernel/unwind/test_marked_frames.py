"""Stacks of ppc64 that never were: whole ones, damaged ones, several behind each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.unwind.marked_frames import MARKERS, MarkedUnwinder, RegisterPlaces
from crashdrive.kernel.unwind.walk import Frame, Stack, Start, Trace
from tests.kernel.fake_memory import FakeMemory

TEXT = 0x10_0000
END = 0x20_0000
SIZE = 0x4000
# struct pt_regs of 6.1
PLACES = RegisterPlaces(nip=32 * 8, msr=33 * 8, sp=8, link=36 * 8, size=384)
USER = 1 << 14


def function_of(address: int) -> int | None:
    """Functions of 256 bytes."""
    return address & ~0xFF if TEXT <= address < END else None


class Machine:
    """A task's stack and one of interrupts, written from the top down; ``at``: where registers are."""

    def __init__(self, at: int = 112, marker: int | None = None) -> None:
        self.memory, self.at = FakeMemory("<"), at
        self.marker = MARKERS[at == 48] if marker is None else marker
        low, irq = (self.memory.allocate(SIZE, 0x1000) for _ in range(2))
        self.stacks = (Stack(low, low + SIZE, "task"), Stack(irq, irq + SIZE, "irq"))
        self.unwinder = MarkedUnwinder(self.memory.window(), PLACES, function_of)
        self.sp = low + SIZE

    def write(self, place: int, word: int) -> None:
        """A word at an address."""
        self.memory.write(place, word.to_bytes(8, "little"))

    def entered(self, nip: int, sp: int, msr: int = 0, link: int = 0, *, marked: bool = True) -> int:
        """A frame with registers, which the kernel was entered with; where they are."""
        self.sp -= PLACES.size + self.at
        registers = self.sp + self.at
        for place, word in zip(PLACES[:4], (nip, msr, sp, link), strict=True):
            self.write(registers + place, word)
        if marked:
            self.write(registers - 16, self.marker)
        self.write(self.sp, sp if marked else 0)
        return registers

    def by_user(self, *, marked: bool = True) -> int:
        """Entered from user space."""
        return self.entered(0x1_0040, 0x7FFF_F000, USER, marked=marked)

    def call(self, address: int, room: int = 112) -> None:
        """A function called from an address saves that in its caller's frame, and makes its own."""
        self.write(self.sp + 16, address)
        before, self.sp = self.sp, self.sp - room
        self.write(self.sp, before)

    def interrupt(self, nip: int, link: int = 0) -> int:
        """An interrupt in the kernel: where its registers are."""
        return self.entered(nip, self.sp, link=link)

    def trace(self, ip: int = TEXT + 0x10, *, exact: bool = False, link: int | None = None) -> Trace:
        """From here on."""
        registers = {} if link is None else {"link": link}
        return self.unwinder.trace(Start(ip, self.sp, None, exact, registers), self.stacks)


@pytest.fixture(params=[112, 48], ids=["6.1", "6.2"])
def machine(request: pytest.FixtureRequest) -> Machine:
    return Machine(request.param)


def addresses(trace: Trace) -> list[int]:
    return [frame.address for frame in trace.frames]


def test_calls_from_user_space(machine: Machine) -> None:
    registers = machine.by_user()
    machine.call(TEXT + 0x104)
    machine.call(TEXT + 0x204)
    trace = machine.trace()
    assert (trace.ending, trace.reason) == ("user", None)
    assert addresses(trace) == [TEXT + 0x10, TEXT + 0x204, TEXT + 0x104, 0x1_0040]
    assert trace.frames[-1] == Frame(0x1_0040, 0x7FFF_F000, True, "user", registers)
    assert not any(frame.doubt for frame in trace.frames)


def test_a_new_process_has_its_registers_without_a_marker(machine: Machine) -> None:
    machine.by_user(marked=False)
    trace = machine.trace(exact=True)
    assert (addresses(trace), trace.ending) == ([TEXT + 0x10, 0x1_0040], "user")


def test_the_first_frame_of_a_thread_ends_its_stack(machine: Machine) -> None:
    machine.entered(0, 0, marked=False)
    machine.call(TEXT + 0x104)
    trace = machine.trace()
    assert (addresses(trace), trace.ending) == ([TEXT + 0x10, TEXT + 0x104], "end")


def test_an_interrupt_on_a_stack_of_its_own(machine: Machine) -> None:
    machine.by_user()
    machine.call(TEXT + 0x104)
    machine.call(TEXT + 0x204)
    task, machine.sp = machine.sp, machine.stacks[1].high - 128
    machine.write(machine.sp, task)
    machine.write(task + 16, TEXT + 0x404)
    machine.call(TEXT + 0x304)
    trace = machine.trace()
    assert trace.ending == "user"
    assert [frame.stack for frame in trace.frames] == ["irq", "irq", "task", "task", "task", "user"]


def test_big_endian_kernels_have_the_marker_the_other_way_round() -> None:
    """It reads REGS in a dump of the memory of either."""
    machine = Machine(marker=int.from_bytes(b"REGS"))
    machine.by_user()
    machine.call(TEXT + 0x104)
    machine.interrupt(TEXT + 0x220, link=TEXT + 0x218)
    machine.call(TEXT + 0x304)
    assert addresses(machine.trace())[2:] == [TEXT + 0x220, TEXT + 0x104, 0x1_0040]


def test_an_interrupted_function_is_where_it_was(machine: Machine) -> None:
    machine.by_user()
    machine.call(TEXT + 0x104)
    registers = machine.interrupt(TEXT + 0x220, link=TEXT + 0x218)
    machine.call(TEXT + 0x304)
    trace = machine.trace()
    assert addresses(trace) == [TEXT + 0x10, TEXT + 0x304, TEXT + 0x220, TEXT + 0x104, 0x1_0040]
    assert (trace.frames[2].exact, trace.frames[2].registers) == (True, registers)


def test_the_caller_of_a_function_without_a_frame_is_in_the_link_register(machine: Machine) -> None:
    machine.by_user()
    machine.call(TEXT + 0x104)
    machine.interrupt(TEXT + 0x220, link=TEXT + 0x504)
    machine.call(TEXT + 0x304)
    trace = machine.trace()
    assert addresses(trace)[2:] == [TEXT + 0x220, TEXT + 0x504, TEXT + 0x104, 0x1_0040]
    assert "link register" in (trace.frames[3].doubt or "")
    assert trace.reason is None


def test_a_link_register_that_was_saved_is_no_other_caller(machine: Machine) -> None:
    """The function has made its frame, and called nothing yet."""
    machine.by_user()
    machine.call(TEXT + 0x104)
    trace = machine.trace(TEXT + 0x220, exact=True, link=TEXT + 0x104)
    assert addresses(trace) == [TEXT + 0x220, TEXT + 0x104, 0x1_0040]


def test_a_marker_of_an_earlier_call_is_not_believed(machine: Machine) -> None:
    machine.by_user()
    machine.call(TEXT + 0x104, room=512)
    machine.write(machine.sp + machine.at - 16, MARKERS[0])
    trace = machine.trace()
    assert (addresses(trace), trace.ending) == ([TEXT + 0x10, TEXT + 0x104, 0x1_0040], "user")


def test_firmware_was_called_with_physical_addresses(machine: Machine) -> None:
    """RTAS runs in real mode, and returns to the kernel's code there."""
    base = 0xC << 60
    machine.unwinder.function_of = lambda address: function_of(address - base) or function_of(address)
    machine.by_user()
    machine.call(TEXT + 0x104)
    start = Start(0x2FFF_0010, machine.sp, None, True, {"msr": 0x1002, "link": TEXT + 0x504})
    trace = machine.unwinder.trace(start, machine.stacks)
    assert addresses(trace) == [0x2FFF_0010, base + TEXT + 0x504, TEXT + 0x104, 0x1_0040]
    at_work = Start(TEXT + 0x520, machine.sp, None, True, {"msr": 0x1002, "link": TEXT + 0x518})
    assert addresses(machine.unwinder.trace(at_work, machine.stacks))[0] == base + TEXT + 0x520


def test_one_in_user_space_is_there() -> None:
    start = Start(0x1_0040, 0x7FFF_F000, None, True, {"msr": USER, "link": 0})
    trace = Machine().unwinder.trace(start, ())
    assert (addresses(trace), trace.ending) == ([0x1_0040], "user")


@pytest.mark.parametrize(
    ("chain", "reason"),
    [(-64, "further down its stack"), (1 << 20, "is on none of its stacks"), (4, "is on none of its stacks")],
)
def test_a_chain_that_leads_astray_is_said(machine: Machine, chain: int, reason: str) -> None:
    machine.by_user()
    machine.call(TEXT + 0x104, room=1024)
    machine.write(machine.sp, machine.sp + chain)
    trace = machine.trace()
    assert trace.ending == "lost"
    assert reason in (trace.reason or "")


def test_other_damage_is_said(machine: Machine) -> None:
    machine.by_user()
    machine.call(0x30_0000)
    assert "0x300000" in (machine.trace().reason or "")
    empty = Machine()
    empty.sp -= 1024
    empty.write(empty.sp, 0)
    assert "empty back chain" in (empty.trace().reason or "")
    empty.sp = 0x40
    assert "is on none of its stacks" in (empty.trace().reason or "")


def test_a_ring_of_frames_ends() -> None:
    machine = Machine()
    machine.by_user()
    machine.call(TEXT + 0x104)
    first = machine.sp
    machine.call(TEXT + 0x204)
    machine.write(first, machine.sp)
    assert machine.trace().ending == "lost"


@given(st.binary(min_size=64, max_size=512))
def test_no_stack_makes_it_fail(data: bytes) -> None:
    machine = Machine()
    low, high, _ = machine.stacks[0]
    machine.memory.write(high - len(data), data)
    machine.sp = high - len(data) & ~7
    trace = machine.trace(exact=True, link=TEXT + 0x104)
    assert trace.ending in {"user", "end", "lost"}
    assert low
