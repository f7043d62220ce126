"""Stacks of arm64 that never were: whole ones, damaged ones, several behind each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.unwind.frame_records import RecordUnwinder, RegisterPlaces
from crashdrive.kernel.unwind.walk import Frame, Stack, Start, Trace
from tests.kernel.fake_memory import FakeMemory

TEXT = 0xFFFF_8000_0801_0000
END = TEXT + 0x10_0000
SIZE = 0x4000
# struct pt_regs of 6.1
PLACES = RegisterPlaces(record=304, sp=248, pc=256, pstate=264, size=336)
KERNEL_MODE, USER_MODE = 5, 0
HANDLER = TEXT + 0x500
NAMES = {HANDLER: "el1h_64_irq"}
MASK = 0x007F_0000_0000_0000


def name_of(place: int) -> str | None:
    """The function of an address."""
    return NAMES.get(place & ~0xFF)


class Machine:
    """A task's stack and one of interrupts, written from the top down."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        low, irq = (self.memory.allocate(SIZE, 0x1000) for _ in range(2))
        self.stacks = (Stack(low, low + SIZE, "task"), Stack(irq, irq + SIZE, "irq"))
        self.registers = low + SIZE - PLACES.size
        self.fp = 0
        self.sp = self.registers
        window = self.memory.window()
        self.unwinder = RecordUnwinder(window, PLACES, name_of, lambda place: TEXT <= place < END, MASK)

    def write(self, place: int, *words: int) -> None:
        """Words at an address."""
        for at, word in enumerate(words):
            self.memory.write(place + 8 * at, word.to_bytes(8, "little"))

    def entered(self, *, user: bool = True) -> None:
        """The registers at the end of the stack: of user space, or of a thread's first function."""
        self.write(self.registers + PLACES.record, 0, 0)
        words = (0x7FFF_F000, 0x40_0000, USER_MODE) if user else (0, 0, KERNEL_MODE)
        self.write(self.registers + PLACES.sp, *words)
        self.fp = self.registers + PLACES.record

    def call(self, address: int, room: int = 48) -> None:
        """A function called from an address makes its record."""
        self.sp -= room
        self.write(self.sp, self.fp, address)
        self.fp = self.sp

    def interrupt(self, address: int) -> int:
        """An exception in the kernel: where its registers are."""
        before, self.sp = self.sp, self.sp - PLACES.size
        self.write(self.sp + PLACES.sp, before, address, KERNEL_MODE)
        self.write(self.sp + PLACES.record, self.fp, address)
        self.fp = self.sp + PLACES.record
        return self.sp

    def to_irq_stack(self) -> None:
        """Calls go on there."""
        self.sp = self.stacks[1].high

    def trace(self, ip: int = TEXT + 0x10, *, exact: bool = False) -> Trace:
        """From here on."""
        return self.unwinder.trace(Start(ip, self.sp, self.fp, exact), self.stacks)


def addresses(trace: Trace) -> list[int]:
    return [frame.address for frame in trace.frames]


def test_calls_from_user_space() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    machine.call(TEXT + 0x200)
    trace = machine.trace()
    assert (trace.ending, trace.reason) == ("user", None)
    assert addresses(trace) == [TEXT + 0x10, TEXT + 0x200, TEXT + 0x100, 0x40_0000]
    assert trace.frames[-1] == Frame(0x40_0000, 0x7FFF_F000, True, "user", machine.registers)
    assert [frame.sp for frame in trace.frames[1:3]] == [machine.sp + 16, machine.sp + 64]


def test_a_kernel_thread_ends_at_an_empty_record() -> None:
    machine = Machine()
    machine.entered(user=False)
    machine.call(TEXT + 0x100)
    trace = machine.trace()
    assert (trace.ending, len(trace.frames)) == ("end", 2)


def test_an_interrupt_gives_exact_addresses_and_registers() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    registers = machine.interrupt(TEXT + 0x234)
    before = machine.sp + PLACES.size
    machine.call(HANDLER + 0x40)
    machine.to_irq_stack()
    machine.call(TEXT + 0x300)
    trace = machine.trace()
    assert trace.ending == "user"
    assert [frame.stack for frame in trace.frames] == ["irq", "irq", "task", "task", "task", "user"]
    (hit,) = [frame for frame in trace.frames if frame.exact and frame.stack != "user"]
    assert hit == Frame(TEXT + 0x234, before, True, "task", registers)


def test_a_record_that_only_looks_like_an_exceptions_is_a_calls() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    machine.call(HANDLER + 0x40)
    trace = machine.trace()
    assert trace.ending == "user"
    assert not any(frame.exact for frame in trace.frames[:-1])


def test_authentication_is_taken_off() -> None:
    machine = Machine()
    machine.entered()
    machine.call((TEXT + 0x100) & ~MASK | 0x0035_0000_0000_0000)
    assert addresses(machine.trace())[1] == TEXT + 0x100


def test_registers_of_user_space_are_all_there_is() -> None:
    machine = Machine()
    start = Start(0x40_0000, 0x7FFF_F000, 0, exact=True, registers={"pstate": USER_MODE})
    assert machine.unwinder.trace(start, machine.stacks).ending == "user"


def test_what_can_not_be_followed_is_said() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    good = machine.fp
    for fp, words in (
        (None, "nothing tells the frame pointer"),
        (0x1234_5678, "on none of its stacks"),
        (good + 1, "on none of its stacks"),
    ):
        trace = machine.unwinder.trace(Start(TEXT, machine.sp, fp, exact=False), machine.stacks)
        assert trace.ending == "lost"
        assert words in (trace.reason or "")
    assert machine.unwinder.trace(Start(TEXT, 0x10, good, exact=False), machine.stacks).ending == "lost"


def test_a_loop_ends() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    machine.write(machine.fp, machine.fp, TEXT + 0x100)
    trace = machine.trace()
    assert (trace.ending, len(trace.frames)) == ("lost", 2)
    assert "further down" in (trace.reason or "")


def test_stacks_that_lead_to_each_other_end() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    task = machine.fp
    machine.to_irq_stack()
    machine.call(TEXT + 0x200)
    machine.write(task, machine.fp, TEXT + 0x100)
    trace = machine.trace()
    assert trace.ending == "lost"
    assert "was left" in (trace.reason or "")


def test_an_empty_record_in_the_middle_is_no_end() -> None:
    machine = Machine()
    machine.to_irq_stack()
    machine.call(0)
    trace = machine.trace()
    assert trace.ending == "lost"
    assert "no end of its stack" in (trace.reason or "")


def test_a_word_that_is_no_code_is_no_frame() -> None:
    machine = Machine()
    machine.entered()
    machine.call(0xFFFF_0000_1234_5678)
    trace = machine.trace()
    assert (trace.ending, len(trace.frames)) == ("lost", 1)
    assert "no address of code" in (trace.reason or "")


@given(st.lists(st.tuples(st.integers(0, SIZE // 8 - 1), st.integers(0, (1 << 64) - 1)), max_size=20))
def test_damage_gives_an_ending_and_no_error(damage: list[tuple[int, int]]) -> None:
    machine = Machine()
    machine.entered()
    for number in range(5):
        machine.call(TEXT + 0x100 * number)
    for at, word in damage:
        machine.write(machine.stacks[0].low + 8 * at, word)
    trace = machine.trace()
    assert trace.ending in {"user", "end", "lost"}
    assert trace.ending != "lost" or trace.reason
