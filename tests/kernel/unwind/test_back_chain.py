"""Stacks of s390x that never were: whole ones, damaged ones, several behind each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.unwind.back_chain import ChainUnwinder, FramePlaces
from crashdrive.kernel.unwind.walk import Frame, Stack, Start, Trace
from tests.kernel.fake_memory import FakeMemory

TEXT = 0x10_0000
END = 0x20_0000
SIZE = 0x4000
# struct stack_frame and struct pt_regs of 6.1
PLACES = FramePlaces(
    back_chain=152, link=72 + 8 * 8, frame_size=160, mask=8, address=16, sp=24 + 8 * 15, regs_size=192
)
USER = 1 << 48


class Machine:
    """A task's stack and one of interrupts, written from the top down."""

    def __init__(self) -> None:
        self.memory = FakeMemory(">")
        low, irq = (self.memory.allocate(SIZE, 0x1000) for _ in range(2))
        self.stacks = (Stack(low, low + SIZE, "task"), Stack(irq, irq + SIZE, "irq"))
        window = self.memory.window()
        self.unwinder = ChainUnwinder(window, PLACES, lambda place: TEXT <= place < END)
        self.sp = low + SIZE - PLACES.regs_size

    def write(self, place: int, word: int) -> None:
        """A word at an address."""
        self.memory.write(place, word.to_bytes(8, "big"))

    def saved(self, address: int, sp: int, mask: int = 0) -> int:
        """Registers, and the first frame in front of them; where the registers are."""
        registers = self.sp
        self.write(registers + PLACES.mask, mask)
        self.write(registers + PLACES.address, address)
        self.write(registers + PLACES.sp, sp)
        self.sp = registers - PLACES.frame_size
        self.write(self.sp + PLACES.back_chain, 0)
        return registers

    def entered(self, *, user: bool = True) -> int:
        """The registers at the end of the stack: of user space, or of a thread's first function."""
        return self.saved(0x40_0000, 0x7FFF_F000, USER) if user else self.saved(0, 0)

    def call(self, address: int, room: int = 176) -> None:
        """A function called from an address saves that in its caller's frame, and makes its own."""
        self.write(self.sp + PLACES.link, address)
        before, self.sp = self.sp, self.sp - room
        self.write(self.sp + PLACES.back_chain, before)

    def interrupt(self, address: int) -> int:
        """An interruption in the kernel: where its registers are."""
        before, self.sp = self.sp, self.sp - PLACES.regs_size
        return self.saved(address, before)

    def trace(self, ip: int = TEXT + 0x10, *, exact: bool = False) -> Trace:
        """From here on."""
        return self.unwinder.trace(Start(ip, self.sp, None, exact), self.stacks)


def addresses(trace: Trace) -> list[int]:
    return [frame.address for frame in trace.frames]


def test_calls_from_user_space() -> None:
    machine = Machine()
    registers = machine.entered()
    machine.call(TEXT + 0x100)
    machine.call(TEXT + 0x200)
    trace = machine.trace()
    assert (trace.ending, trace.reason) == ("user", None)
    assert addresses(trace) == [TEXT + 0x10, TEXT + 0x200, TEXT + 0x100, 0x40_0000]
    assert trace.frames[-1] == Frame(0x40_0000, 0x7FFF_F000, True, "user", registers)


def test_a_kernel_thread_ends_at_its_first_registers() -> None:
    machine = Machine()
    machine.entered(user=False)
    machine.call(TEXT + 0x100)
    trace = machine.trace()
    assert (trace.ending, len(trace.frames)) == ("end", 2)


def test_an_interruption_gives_an_exact_address_and_registers() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    registers = machine.interrupt(TEXT + 0x234)
    machine.call(TEXT + 0x300)
    trace = machine.trace()
    assert trace.ending == "user"
    assert addresses(trace)[1:4] == [TEXT + 0x300, TEXT + 0x234, TEXT + 0x100]
    assert trace.frames[2] == Frame(TEXT + 0x234, trace.frames[2].sp, True, "task", registers)


def test_a_caller_that_may_be_stale_is_doubtful() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    machine.write(machine.sp + PLACES.link, TEXT + 0x500)
    trace = machine.trace(exact=True)
    assert addresses(trace)[:3] == [TEXT + 0x10, TEXT + 0x500, TEXT + 0x100]
    assert [bool(frame.doubt) for frame in trace.frames] == [False, True, False, False]


def test_over_a_stack_of_interrupts() -> None:
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    before, machine.sp = machine.sp, machine.stacks[1].high - 512
    machine.write(before + PLACES.link, TEXT + 0x200)
    machine.write(machine.sp + PLACES.back_chain, before)
    machine.call(TEXT + 0x300)
    trace = machine.trace()
    assert [frame.stack for frame in trace.frames] == ["irq", "irq", "task", "task", "user"]


def test_damage_is_told() -> None:
    for chain, reason in (
        (0x123, "on none of its stacks"),
        (TEXT, "on none of its stacks"),
        (8, "on none of its stacks"),
    ):
        machine = Machine()
        machine.entered()
        machine.call(TEXT + 0x100)
        machine.write(machine.sp + PLACES.back_chain, chain)
        trace = machine.trace()
        assert trace.ending == "lost"
        assert reason in (trace.reason or "")
    machine = Machine()
    machine.entered()
    machine.call(TEXT + 0x100)
    machine.write(machine.sp + PLACES.back_chain, machine.sp)
    assert "further down" in (machine.trace().reason or "")
    machine = Machine()
    machine.entered()
    machine.call(END + 8)
    assert "no address of code" in (machine.trace().reason or "")


def test_where_the_processor_was_in_user_space() -> None:
    machine = Machine()
    start = Start(0x1234, 0x7FF0, None, exact=True, registers={"psw_mask": USER})
    assert machine.unwinder.trace(start, machine.stacks).ending == "user"


@given(st.lists(st.tuples(st.integers(0, SIZE - 8), st.integers(0, (1 << 64) - 1)), max_size=6))
def test_whatever_is_on_a_stack_the_walk_ends(damage: list[tuple[int, int]]) -> None:
    machine = Machine()
    machine.entered()
    for number in range(6):
        machine.call(TEXT + 0x100 * number)
    for place, word in damage:
        machine.write(machine.stacks[0].low + (place & ~7), word)
    assert machine.trace().ending in {"user", "end", "lost"}
