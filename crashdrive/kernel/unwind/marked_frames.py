"""From one call to its caller on ppc64: the back chain, with registers where a frame is marked.

Each function's frame begins with the back chain, the caller's stack pointer. A function saves its return
address (the link register) not in its own frame but in its caller's, at +16. What the kernel is entered
through leaves a ``struct pt_regs`` in its frame and a marker 16 bytes in front of it; up to 6.1 they lie at
+112, since 6.2 at +48 where the kernel is of the second ABI.
Sources: arch/powerpc/kernel/process.c (show_stack), stacktrace.c, interrupt_64.S; asm/ptrace.h.

An interrupted function that calls nothing, or hasn't made its frame yet, has its return address in the link
register alone. That is given where it is another function's than the interrupted one, as doubtful.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from crashdrive.dump.linear_map import LINEAR
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.unwind.chain import MOST_FRAMES, ChainWalk
from crashdrive.kernel.unwind.walk import Frame, LostError, Stack, Start, Trace

MARKERS: Final = (0x53474552, 0x7265677368657265, 0x52454753)
"""``REGS`` on little-endian kernels, as it was before, ``regshere``, and ``REGS`` on big-endian ones."""
REGISTERS_AT: Final = (112, 48)
"""Where in a frame registers may lie, the marker 16 bytes in front of them."""
_BEFORE: Final = 16
LINK: Final = 16
"""Where in a frame the functions that it calls save their return addresses."""
_USER_MODE: Final = 1 << 14  # MSR[PR]
_TRANSLATED: Final = 1 << 5  # MSR[IR]: without it, addresses of instructions are physical
_LEAST_FRAME: Final = 32
_ENTRY: Final = 512  # bytes from the end of a task's stack, within which its first frame lies
_IN_REGISTER = (
    "it is in the link register, where the interrupted function may have left it of an earlier call"
)


class RegisterPlaces(NamedTuple):
    """Offsets in ``struct pt_regs`` of the instruction's address, the machine state, the stack pointer and
    the link register, and its size.
    """

    nip: int
    msr: int
    sp: int
    link: int
    size: int


class MarkedUnwinder:
    """Unwinds the stacks of one kernel; ``function_of``: where the function begins that an address lies in,
    None where it is no code of the image or of a module.
    """

    def __init__(
        self, window: Window, places: RegisterPlaces, function_of: Callable[[int], int | None]
    ) -> None:
        self.window = window
        self.places = places
        self.function_of = function_of

    def trace(self, start: Start, stacks: Sequence[Stack]) -> Trace:
        """The frames from ``start`` on over these stacks, the first of them its own; raises nothing."""
        if _of_user(start.registers):
            return Trace((Frame(start.ip, start.sp, True, "user"),), "user")
        return _Walk(self, start, stacks).run()


def _of_user(registers: Mapping[str, int]) -> bool:
    return bool(registers.get("msr", 0) & _USER_MODE)


class _Registers(NamedTuple):
    """A ``struct pt_regs`` on a stack, at ``place``."""

    place: int
    nip: int
    sp: int
    link: int
    user: bool


class _Walk(ChainWalk):
    """One walk: the frame that it has come to, and what it found."""

    def __init__(self, unwinder: MarkedUnwinder, start: Start, stacks: Sequence[Stack]) -> None:
        super().__init__(unwinder.window, stacks, start.sp)
        self.unwinder, self.places = unwinder, unwinder.places
        self.start, self.sp = start, start.sp

    def run(self) -> Trace:
        start = self.start
        ip = self._translated(start.ip, start.registers.get("msr", _TRANSLATED))
        self.frames.append(Frame(ip, start.sp, start.exact, self.stack.kind))
        if not self.stack.high:
            return self.lost(f"the stack pointer, {start.sp:#x}, is on none of its stacks")
        try:
            if "link" in start.registers:
                link = self._translated(start.registers["link"], start.registers.get("msr", _TRANSLATED))
                self._behind_interruption(ip, link)
            while len(self.frames) < MOST_FRAMES:
                if (ended := self._step()) is not None:
                    return ended
        except LostError as error:
            return self.lost(str(error))
        return self.lost(f"more than {MOST_FRAMES} frames")

    def _step(self) -> Trace | None:
        """On to what was interrupted, or to the caller; the end, where there is neither."""
        chain = self.word(self.sp)
        if (registers := self._registers(chain)) is not None:
            return self._enter_registers(registers)
        if not chain:
            return self._end()
        self._move(chain)
        place = chain + LINK
        self._add(self.word(place), place)
        return None

    def _registers(self, chain: int) -> _Registers | None:
        """Those in the frame: marked, or of a new process at the end of its stack, which aren't."""
        for at in REGISTERS_AT:
            place = self.sp + at
            last = place + self.places.size == self.stack.high and self.stack == self.stacks[0]
            if place + self.places.size > self.stack.high:
                continue
            marked = self.word(place - _BEFORE) in MARKERS
            if not marked and not (last and not chain):
                continue
            nip, msr, sp, link = (self.word(place + offset) for offset in self.places[:4])
            nip, link = self._translated(nip, msr), self._translated(link, msr)
            user = bool(msr & _USER_MODE)
            # a marker that an earlier call left behind isn't in front of this frame's registers
            if (user and last) or (marked and sp == chain):
                return _Registers(place, nip, sp, link, user)
        return None

    def _translated(self, address: int, msr: int) -> int:
        """Where the kernel has code that ran at a physical address, as firmware's callers and it do."""
        if msr & (_TRANSLATED | _USER_MODE) or self.unwinder.function_of(address + LINEAR) is None:
            return address
        return address + LINEAR

    def _enter_registers(self, registers: _Registers) -> Trace | None:
        if registers.user:
            user = Frame(registers.nip, registers.sp, True, "user", registers.place)
            return Trace((*self.frames, user), "user")
        self._move(registers.sp)
        self._add(registers.nip, registers.place + self.places.nip, registers.place)
        self._behind_interruption(registers.nip, registers.link)
        return None

    def _end(self) -> Trace:
        """The first frame of a task's stack, or one whose chain is broken."""
        if self.stack == self.stacks[0] and self.sp >= self.stack.high - _ENTRY:
            return Trace(tuple(self.frames), "end")
        return self.lost(f"an empty back chain at {self.sp:#x}")

    def _behind_interruption(self, nip: int, link: int) -> None:
        """The caller of a function that was interrupted before it made its frame, where that can be told."""
        function = self.unwinder.function_of(link)
        if function is None or function == self.unwinder.function_of(nip):
            return
        chain = self.word(self.sp)
        stack = self.stack_of(chain)
        # a frame that was made, and the return address saved: the next step finds it
        if stack is not None and chain <= stack.high - _LEAST_FRAME and self.word(chain + LINK) == link:
            return
        self.frames.append(Frame(link, self.sp, False, self.stack.kind, 0, _IN_REGISTER))

    def _add(self, address: int, place: int, registers: int = 0) -> None:
        if self.unwinder.function_of(address) is None:
            raise LostError(f"{address:#x}, at {place:#x}, is no address of code")
        self.frames.append(Frame(address, self.sp, bool(registers), self.stack.kind, registers))

    def _move(self, sp: int) -> None:
        self.enter(sp, self.sp)
        self.sp = sp
