"""From one call to its caller by records of frame pointers: arm64.

Each function puts the frame pointer (x29) and the return address (x30) of its caller side by side on the
stack, and has x29 point there. An exception puts such a record into its ``struct pt_regs`` (``stackframe``),
with the interrupted address; that of one from user space, and of a thread's first function, is empty.
Sources: arch/arm64/kernel/stacktrace.c, entry.S (kernel_entry), asm/ptrace.h.

A function that was interrupted before it made its record leaves its caller out, here as in the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.unwind.chain import MOST_FRAMES, ChainWalk
from crashdrive.kernel.unwind.walk import Frame, LostError, Stack, Start, Trace

_RECORD = 16  # bytes
_KERNEL_HALF = 1 << 55
# the vectors of exceptions that interrupt the kernel: el1h_64_irq, el1_irq before 5.13 (ec841aab8d23)
_INTERRUPTED = re.compile(r"el1(?:[ht]_64)?_(?:sync|irq|fiq|error|dbg|da|undef|sp_pc|inv)")
_USER_MODE, _MODES = 0, 0xF  # of pstate


class RegisterPlaces(NamedTuple):
    """Offsets in ``struct pt_regs``, and its size; the general registers are ``regs[]`` at its beginning."""

    record: int
    sp: int
    pc: int
    pstate: int
    size: int


class RecordUnwinder:
    """Unwinds the stacks of one kernel.

    ``name_of`` gives the function of an address; ``mask``: the bits of an address that authentication takes
    (KERNELPACMASK).
    """

    def __init__(
        self,
        window: Window,
        places: RegisterPlaces,
        name_of: Callable[[int], str | None],
        is_code: Callable[[int], bool],
        mask: int = 0,
    ) -> None:
        self.window = window
        self.places = places
        self.name_of = name_of
        self.is_code = is_code
        self.mask = mask

    def trace(self, start: Start, stacks: Sequence[Stack]) -> Trace:
        """The frames from ``start`` on over these stacks, the first of them its own; raises nothing."""
        if _of_user(start.registers):
            return Trace((Frame(start.ip, start.sp, True, "user"),), "user")
        return _Walk(self, start, stacks).run()

    def plain(self, address: int) -> int:
        """An address of code without its authentication."""
        return address | self.mask if address & _KERNEL_HALF else address & ~self.mask


def _of_user(registers: Mapping[str, int]) -> bool:
    return "pstate" in registers and registers["pstate"] & _MODES == _USER_MODE


class _Walk(ChainWalk):
    """One walk: the record that is looked at, and what it found."""

    pointer = "frame pointer"

    def __init__(self, unwinder: RecordUnwinder, start: Start, stacks: Sequence[Stack]) -> None:
        super().__init__(unwinder.window, stacks, start.sp)
        self.unwinder, self.places = unwinder, unwinder.places
        self.start = start
        self.last = 0  # the record before

    def run(self) -> Trace:
        start = self.start
        self.frames.append(Frame(self.unwinder.plain(start.ip), start.sp, start.exact, self.stack.kind))
        if not self.stack.high:
            return self.lost(f"the stack pointer, {start.sp:#x}, is on none of its stacks")
        if start.bp is None:
            return self.lost("nothing tells the frame pointer")
        try:
            return self._follow(start.bp)
        except LostError as error:
            return self.lost(str(error))

    def _follow(self, record: int) -> Trace:
        while len(self.frames) < MOST_FRAMES:
            self.enter(record, self.last, _RECORD)
            self.last = record
            fp, pc = self.word(record), self.word(record + 8)
            if not fp and not pc:
                return self._ended(record)
            self._add(record, pc)
            record = fp
        return self.lost(f"more than {MOST_FRAMES} frames")

    def _add(self, record: int, address: int) -> None:
        """The function whose return address a record has; an exception's record is within its registers."""
        plain = self.unwinder.plain(address)
        if not self.unwinder.is_code(plain):
            raise LostError(f"{plain:#x}, at {record + 8:#x}, is no address of code")
        registers = self._interrupted(record, plain)
        sp = self.word(registers + self.places.sp) if registers else record + _RECORD
        self.frames.append(Frame(plain, sp, bool(registers), self.stack.kind, registers))

    def _interrupted(self, record: int, address: int) -> int:
        """Where the registers lie that an exception saved with this record; 0 for a call's record."""
        last = self.frames[-1]
        name = None if last.exact else self.unwinder.name_of(last.address - 1)
        registers = record - self.places.record
        if name is None or _INTERRUPTED.fullmatch(name) is None or registers < self.stack.low:
            return 0
        return registers if self.word(registers + self.places.pc) == address else 0

    def _ended(self, record: int) -> Trace:
        """At an empty record: that of the registers of user space, or of a thread's first function."""
        registers = record - self.places.record
        own = self.stacks[0] if self.stacks else self.stack
        inside = own.low <= registers and registers + self.places.size <= own.high
        if not inside:
            return self.lost(f"an empty record at {record:#x}, which is no end of its stack")
        pc, sp = self.word(registers + self.places.pc), self.word(registers + self.places.sp)
        pstate = self.word(registers + self.places.pstate)
        if pc and pstate & _MODES == _USER_MODE:
            user = Frame(pc, sp, True, "user", registers)
            return Trace((*self.frames, user), "user")
        return Trace(tuple(self.frames), "end")
