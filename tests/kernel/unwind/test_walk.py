"""Stacks that never were: whole ones, damaged ones, several behind each other."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.unwind import orc
from crashdrive.kernel.unwind.orc import Rule
from crashdrive.kernel.unwind.walk import REGISTERS, Frame, Stack, Start, Trace, Unwinder
from tests.kernel.fake_memory import FakeMemory

TEXT = 0xFFFF_FFFF_8100_0000
PLACES = {"r13": 16, "bp": 32, "r10": 56, "dx": 96, "di": 112, "ip": 128, "cs": 136, "sp": 152}
KERNEL_CS, USER_CS = 0x10, 0x33
SIZE = 0x4000

# functions of 16 bytes each, by their rule
LEAF, PUSHES, FRAMED, SYSCALL, INTERRUPT, PARTIAL, FIRST, NOTHING, INDIRECT, R10 = range(
    TEXT, TEXT + 16 * 10, 16
)
RULES = {
    LEAF: Rule(8, 0, orc.SP, orc.UNDEFINED, orc.CALL, signal=False),
    PUSHES: Rule(24, -16, orc.SP, orc.PREV_SP, orc.CALL, signal=False),
    FRAMED: Rule(16, -16, orc.BP, orc.PREV_SP, orc.CALL, signal=False),
    SYSCALL: Rule(0, 0, orc.SP, orc.UNDEFINED, orc.REGS, signal=False),
    INTERRUPT: Rule(0, 0, orc.SP, orc.UNDEFINED, orc.REGS, signal=True),
    PARTIAL: Rule(0, 0, orc.SP, orc.UNDEFINED, orc.REGS_PARTIAL, signal=True),
    FIRST: Rule(0, 0, orc.UNDEFINED, orc.UNDEFINED, orc.END, signal=False),
    NOTHING: Rule(0, 0, orc.UNDEFINED, orc.UNDEFINED, orc.NO_RULE, signal=False),
    INDIRECT: Rule(8, 0, orc.SP_INDIRECT, orc.UNDEFINED, orc.CALL, signal=False),
    R10: Rule(0, 0, orc.R10, orc.UNDEFINED, orc.CALL, signal=False),
}
BPF = TEXT + 0x1000_0000


class FakeTables:
    """Rules by function."""

    def find(self, address: int) -> Rule | None:
        return RULES.get(address & ~15)

    def has_code(self, address: int) -> bool:
        return address & ~15 in RULES


class Machine:
    """A task's stack and one of interrupts; all code consists of calls."""

    def __init__(self, *, frame_pointers: bool = False) -> None:
        self.memory = FakeMemory()
        low, irq = (self.memory.allocate(SIZE, 0x1000) for _ in range(2))
        self.stacks = (Stack(low, low + SIZE, "task"), Stack(irq, irq + SIZE, "irq"))
        self.top, self.irq_top = low + SIZE, irq + SIZE
        tables = FakeTables()
        self.unwinder = Unwinder(
            self.memory.window(),
            None if frame_pointers else tables,  # type: ignore[arg-type] # all of Tables that a walk uses
            PLACES,
            lambda _address, _size: b"\x90\x90\xe8\0\0\0\0",
            tables.has_code,
        )

    def trace(
        self, ip: int, sp: int, bp: int | None = None, *, registers: Mapping[str, int] | None = None
    ) -> Trace:
        self.unwinder.window.drop()
        return self.unwinder.trace(Start(ip, sp, bp, bool(registers), registers or {}), self.stacks)

    def registers(self, at: int, **values: int) -> None:
        for name, value in values.items():
            self.memory.word(at + PLACES[name], value)


def shown(trace: Trace) -> list[tuple[int, int]]:
    return [(frame.address, frame.sp) for frame in trace.frames]


def sure(trace: Trace) -> bool:
    return all(frame.doubt is None for frame in trace.frames)


def test_a_system_call() -> None:
    machine = Machine()
    regs = machine.top - 168
    machine.registers(regs, ip=0x40_1000, cs=USER_CS, sp=0x7FFE_0000)
    sp = regs - 24
    machine.memory.word(sp - 8, PUSHES + 5, 0, 0, SYSCALL + 5)
    found = machine.trace(LEAF + 5, sp - 8)
    assert shown(found) == [
        (LEAF + 5, sp - 8), (PUSHES + 5, sp), (SYSCALL + 5, regs), (0x40_1000, 0x7FFE_0000),
    ]  # fmt: skip
    assert (found.ending, found.reason) == ("user", None)
    assert sure(found)
    assert found.frames[-1] == Frame(0x40_1000, 0x7FFE_0000, True, "user", regs)


def test_a_kernel_thread_ends_in_its_first_function() -> None:
    machine = Machine()
    machine.memory.word(machine.top - 176, FIRST + 9)
    found = machine.trace(LEAF + 5, machine.top - 176)
    assert shown(found) == [(LEAF + 5, machine.top - 176), (FIRST + 9, machine.top - 168)]
    assert (found.ending, sure(found)) == ("end", True)


def test_an_interrupt_whose_handler_runs_on_a_stack_of_its_own() -> None:
    machine = Machine()
    regs = machine.top - 0x300
    machine.registers(regs, ip=FRAMED + 3, cs=KERNEL_CS, sp=regs + 168, bp=regs + 0x180)
    machine.memory.word(regs + 0x188, FIRST + 9)
    # the handler's wrapper has its stack pointer saved at the top of the other stack
    machine.memory.word(machine.irq_top - 16, INDIRECT + 5, regs - 8)
    machine.memory.word(regs - 8, INTERRUPT + 5)
    found = machine.trace(LEAF + 5, machine.irq_top - 16)
    assert [frame.stack for frame in found.frames] == ["irq", "irq", "task", "task", "task"]
    assert [frame.address for frame in found.frames] == [
        LEAF + 5, INDIRECT + 5, INTERRUPT + 5, FRAMED + 3, FIRST + 9,
    ]  # fmt: skip
    assert (found.ending, sure(found)) == ("end", True)
    interrupted = found.frames[3]
    assert (interrupted.exact, interrupted.registers) == (True, found.frames[2].sp)


def test_registers_of_the_entry_alone_leave_the_others_as_they_were() -> None:
    machine = Machine()
    at = machine.top - 0x200
    machine.memory.word(at, FRAMED + 1, KERNEL_CS, 0, at + 40, 0)
    machine.memory.word(machine.top - 0x100 + 8, FIRST + 1)
    found = machine.trace(PARTIAL + 3, at, machine.top - 0x100)
    assert [frame.address for frame in found.frames] == [PARTIAL + 3, FRAMED + 1, FIRST + 1]
    assert found.frames[1].registers == 0


def test_registers_of_a_running_task_and_what_is_no_longer_known_of_them() -> None:
    machine = Machine()
    machine.memory.word(machine.top - 0x100 - 8, FIRST + 1)
    known = {"ip": R10, "sp": machine.top - 0x200, "bp": 0, "cs": KERNEL_CS, "r10": machine.top - 0x100}
    found = machine.trace(R10, machine.top - 0x200, 0, registers=known)
    assert [frame.address for frame in found.frames] == [R10, FIRST + 1]
    assert not sure(machine.trace(R10, machine.top - 0x200, 0))
    in_user_space = machine.trace(0x40_0000, 0x7FFE_0000, 0, registers=known | {"cs": USER_CS})
    assert in_user_space == Trace((Frame(0x40_0000, 0x7FFE_0000, True, "user"),), "user")


def test_code_without_a_table_is_taken_to_keep_a_frame_pointer() -> None:
    machine = Machine()
    bp = machine.top - 0x100
    machine.memory.word(bp, 0, FIRST + 1)
    found = machine.trace(BPF, bp - 0x40, bp)
    assert [frame.address for frame in found.frames] == [BPF, FIRST + 1]
    assert found.ending == "end"
    assert "no unwind table" in (found.frames[1].doubt or "")
    # and where that leads to no end, all that follows is in doubt
    machine.memory.word(bp, 0, LEAF + 1)
    machine.memory.word(bp + 16, PUSHES + 1)
    found = machine.trace(BPF, bp - 0x40, bp)
    assert found.ending == "lost"
    assert found.frames[0].doubt is None
    assert all("no unwind table" in (frame.doubt or "") for frame in found.frames[1:3])


@pytest.mark.parametrize("address", [0, BPF, 0x1234])
def test_an_address_that_is_no_code_was_called(address: int) -> None:
    machine = Machine()
    sp = machine.top - 0x100
    machine.memory.word(sp, PUSHES + 5, 0, 0, FIRST + 1)
    known = {"ip": address, "sp": sp, "bp": sp + 0x40, "cs": KERNEL_CS}
    found = machine.trace(address, sp, sp + 0x40, registers=known)
    assert [frame.address for frame in found.frames] == [address, PUSHES + 5, FIRST + 1]
    assert (found.ending, sure(found), found.reason) == ("end", True, None)
    # a proper end is what proves it
    machine.memory.word(sp, PUSHES + 5, 0, 0, 0)
    found = machine.trace(address, sp, sp + 0x40, registers=known)
    assert found.ending == "lost"
    assert [frame.doubt is None for frame in found.frames] == [True, False]


def test_where_nothing_tells_the_stack_is_looked_through_and_all_of_it_is_in_doubt() -> None:
    machine = Machine()
    sp = machine.top - 0x100
    machine.memory.word(sp + 0x40, 0x1234, LEAF + 5, FIRST + 1)
    found = machine.trace(NOTHING + 1, sp)
    assert [frame.address for frame in found.frames] == [NOTHING + 1, LEAF + 5, FIRST + 1]
    assert [frame.doubt is None for frame in found.frames] == [True, False, False]
    assert found.ending == "end"


@pytest.mark.parametrize(
    ("sp", "said"),
    [
        (lambda m: m.top - 4, "none of its stacks"),
        (lambda m: m.top + 0x10000, "on none of its stacks"),
        (lambda _: 0, "on none of its stacks"),
        (lambda m: m.top - 0x100, "no address of code"),
    ],
)
def test_damage_is_told(sp: object, said: str) -> None:
    machine = Machine()
    found = machine.trace(LEAF + 1, sp(machine))  # type: ignore[operator] # a function, above
    assert found.ending == "lost"
    assert said in (found.reason or "")


def test_a_page_that_is_missing_is_told() -> None:
    machine = Machine()
    machine.memory.hole(machine.top - 0x100)
    found = machine.trace(LEAF + 1, machine.top - 0x100)
    assert (found.ending, found.reason) == ("lost", f"the stack at {machine.top - 0x100:#x} is excluded")


def test_stacks_that_lead_to_each_other_end() -> None:
    machine = Machine()
    machine.memory.word(machine.irq_top - 8, machine.top - 0x100)
    machine.memory.word(machine.top - 0x100, INDIRECT + 1)
    machine.memory.word(machine.top - 0xF8, machine.irq_top - 16)
    machine.memory.word(machine.irq_top - 16, INDIRECT + 1)
    found = machine.trace(INDIRECT + 1, machine.irq_top - 8)
    assert found.ending == "lost"
    assert len(found.frames) < 10


def test_frame_pointers() -> None:
    machine = Machine(frame_pointers=True)
    regs = machine.top - 168
    machine.registers(regs, ip=0x40_1000, cs=USER_CS, sp=0x7FFE_0000)
    machine.memory.word(machine.top - 0x200, machine.top - 0x180, LEAF + 1)
    machine.memory.word(machine.top - 0x180, regs + 1, SYSCALL + 1)
    found = machine.trace(PUSHES + 1, machine.top - 0x240, machine.top - 0x200)
    assert [frame.address for frame in found.frames] == [PUSHES + 1, LEAF + 1, SYSCALL + 1, 0x40_1000]
    assert (found.ending, sure(found)) == ("user", True)
    # a kernel thread's registers hold nothing
    machine.registers(regs, ip=0, cs=0, sp=0)
    assert machine.trace(PUSHES + 1, machine.top - 0x240, machine.top - 0x200).ending == "end"
    assert machine.trace(PUSHES + 1, machine.top - 0x240, 0).ending == "end"
    # one that leads back
    machine.memory.word(machine.top - 0x180, machine.top - 0x200, LEAF + 1)
    assert machine.trace(PUSHES + 1, machine.top - 0x240, machine.top - 0x200).ending == "lost"


WORDS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from(sorted(RULES)).map(lambda function: function + 5),
    st.integers(0, 2 * SIZE // 8).map(lambda number: number * 8),
)


@given(st.lists(WORDS, min_size=1, max_size=200), WORDS, st.integers(0, 400), WORDS, st.sampled_from([0, 1]))
def test_whatever_lies_there_it_ends_and_raises_nothing(
    words: list[int], ip: int, place: int, bp: int, frame_pointers: int
) -> None:
    machine = Machine(frame_pointers=bool(frame_pointers))
    base = machine.top - 8 * len(words)
    # small numbers stand for addresses on the stacks
    values = [base + word - 8 * 100 if word <= 2 * SIZE else word for word in (*words, ip, bp)]
    machine.memory.word(base, *values[:-2])
    registers = dict.fromkeys(REGISTERS, values[-1]) | {"cs": KERNEL_CS}
    found = machine.trace(values[-2], machine.top - 4 * place, values[-1], registers=registers)
    assert found.ending in {"user", "end", "lost"}
    # guesswork is told, also where it comes to an end
    assert found.ending != "lost" or found.reason
    assert 1 <= len(found.frames) < 2 * SIZE // 8
