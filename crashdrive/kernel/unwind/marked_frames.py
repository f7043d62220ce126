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
from crashdrive.kernel.unwind.chain import BackChainWalk
from crashdrive.kernel.unwind.walk import Frame, Stack, Start, Trace

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


class _Walk(BackChainWalk):
    """One walk: the frame that it has come to, and what it found."""

    def __init__(self, unwinder: MarkedUnwinder, start: Start, stacks: Sequence[Stack]) -> None:
        super().__init__(
            unwinder.window, stacks, start, lambda address: unwinder.function_of(address) is not None
        )
        self.function_of, self.places = unwinder.function_of, unwinder.places

    def first(self) -> int:
        """See `BackChainWalk`."""
        return self._translated(self.start.ip, self.start.registers.get("msr", _TRANSLATED))

    def begin(self) -> None:
        """See `BackChainWalk`."""
        registers = self.start.registers
        if "link" in registers:
            link = self._translated(registers["link"], registers.get("msr", _TRANSLATED))
            self._behind_interruption(self.frames[0].address, link)

    def step(self) -> Trace | None:
        """See `BackChainWalk`."""
        chain = self.word(self.sp)
        if (registers := self._registers(chain)) is not None:
            return self._enter_registers(registers)
        if not chain:
            return self._end()
        self.move(chain)
        place = chain + LINK
        self.add(self.word(place), place)
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
        if msr & (_TRANSLATED | _USER_MODE) or self.function_of(address + LINEAR) is None:
            return address
        return address + LINEAR

    def _enter_registers(self, registers: _Registers) -> Trace | None:
        if registers.user:
            user = Frame(registers.nip, registers.sp, True, "user", registers.place)
            return Trace((*self.frames, user), "user")
        self.move(registers.sp)
        self.add(registers.nip, registers.place + self.places.nip, registers.place)
        self._behind_interruption(registers.nip, registers.link)
        return None

    def _end(self) -> Trace:
        """The first frame of a task's stack, or one whose chain is broken."""
        if self.stack == self.stacks[0] and self.sp >= self.stack.high - _ENTRY:
            return Trace(tuple(self.frames), "end")
        return self.lost(f"an empty back chain at {self.sp:#x}")

    def _behind_interruption(self, nip: int, link: int) -> None:
        """The caller of a function that was interrupted before it made its frame, where that can be told."""
        function = self.function_of(link)
        if function is None or function == self.function_of(nip):
            return
        chain = self.word(self.sp)
        stack = self.stack_of(chain)
        # a frame that was made, and the return address saved: the next step finds it
        if stack is not None and chain <= stack.high - _LEAST_FRAME and self.word(chain + LINK) == link:
            return
        self.frames.append(Frame(link, self.sp, False, self.stack.kind, 0, _IN_REGISTER))
