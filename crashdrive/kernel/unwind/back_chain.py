"""From one call to its caller by the back chain: s390x.

Each function's ``struct stack_frame`` lies at its stack pointer. Its ``back_chain`` is the caller's stack
pointer, and the registers that it was entered with, the return address among them, are saved in the caller's
frame. An empty back chain ends a stack at a ``struct pt_regs``, right behind the frame: that of an
interruption, or of the entry from user space, or of a thread's first function.
Sources: arch/s390/kernel/unwind_bc.c, asm/stacktrace.h, asm/ptrace.h.

A function that was interrupted before it made its frame leaves its caller out, as in the kernel; what is left
in the frame of its caller by others is given where it is code, as doubtful.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.unwind.chain import BackChainWalk
from crashdrive.kernel.unwind.walk import Frame, Stack, Start, Trace

_USER_MODE = 1 << 48  # of a PSW's mask: problem state
_STALE = "it is what the interrupted function's caller has in its frame, which may be of an earlier call"


class FramePlaces(NamedTuple):
    """Offsets in ``struct stack_frame`` (``link``: of the saved %r14) and its size; in ``struct pt_regs``
    those of the PSW's words and of %r15 (``sp``), and its size.
    """

    back_chain: int
    link: int
    frame_size: int
    mask: int
    address: int
    sp: int
    regs_size: int


class ChainUnwinder:
    """Unwinds the stacks of one kernel; ``is_code``: whether an address lies in the image or in a module."""

    def __init__(self, window: Window, places: FramePlaces, is_code: Callable[[int], bool]) -> None:
        self.window = window
        self.places = places
        self.is_code = is_code

    def trace(self, start: Start, stacks: Sequence[Stack]) -> Trace:
        """The frames from ``start`` on over these stacks, the first of them its own; raises nothing."""
        if _of_user(start.registers):
            return Trace((Frame(start.ip, start.sp, True, "user"),), "user")
        return _Walk(self, start, stacks).run()


def _of_user(registers: Mapping[str, int]) -> bool:
    return bool(registers.get("psw_mask", 0) & _USER_MODE)


class _Walk(BackChainWalk):
    """One walk: the frame that it has come to, and what it found."""

    def __init__(self, unwinder: ChainUnwinder, start: Start, stacks: Sequence[Stack]) -> None:
        super().__init__(unwinder.window, stacks, start, unwinder.is_code)
        self.places = unwinder.places

    def begin(self) -> None:
        """See `BackChainWalk`."""
        if self.start.exact:
            self._behind_interruption()

    def step(self) -> Trace | None:
        """See `BackChainWalk`."""
        chain = self.word(self.sp + self.places.back_chain)
        if not chain:
            return self._from_registers(self.sp + self.places.frame_size)
        self.move(chain)
        place = chain + self.places.link
        self.add(self.word(place), place)
        return None

    def _from_registers(self, registers: int) -> Trace | None:
        """On to what a ``struct pt_regs`` behind a frame tells."""
        stack, size = self.stack, self.places.regs_size
        if registers + size > stack.high:
            return self.lost(f"an empty back chain at {self.sp:#x}, with no room for registers behind it")
        mask, address, sp = (
            self.word(registers + place) for place in (self.places.mask, self.places.address, self.places.sp)
        )
        if mask & _USER_MODE:
            user = Frame(address, sp, True, "user", registers)
            return Trace((*self.frames, user), "user")
        if registers + size == stack.high and stack == self.stacks[0]:
            return Trace(tuple(self.frames), "end")
        self.move(sp)
        self.add(address, registers + self.places.address, registers)
        self._behind_interruption()
        return None

    def _behind_interruption(self) -> None:
        """The caller of a function that was interrupted before it made its frame, where that can be told.

        What it was called by would be in the frame at the stack pointer; so is what others left there.
        """
        place = self.sp + self.places.link
        address = self.word(place)
        if self.is_code(address) and address != self.frames[-1].address:
            self.frames.append(Frame(address, self.sp, False, self.stack.kind, 0, _STALE))
