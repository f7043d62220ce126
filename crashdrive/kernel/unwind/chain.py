"""A walk over a chain of saved stack or frame pointers: what those of all architectures with one share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.unwind.walk import Frame, LostError, Stack, Start, Trace, stack_word

MOST_FRAMES = 4096
_ALIGNED = 8


class ChainWalk:
    """The frames that were found; ``stack``: the one that the walk has come to, from that of ``sp`` on.

    ``pointer``: what a link of the chain is called in messages.
    """

    pointer = "stack pointer"

    def __init__(self, window: Window, stacks: Sequence[Stack], sp: int) -> None:
        self.window = window
        self.stacks, self.left = list(stacks), list[Stack]()
        self.stack = self.stack_of(sp) or Stack(0, 0, "")
        self.frames: list[Frame] = []

    def lost(self, reason: str) -> Trace:
        """The end where the caller can't be told."""
        return Trace(tuple(self.frames), "lost", reason)

    def enter(self, place: int, last: int, size: int = _ALIGNED) -> None:
        """On to a link of ``size`` bytes: always further up a stack than ``last``, the link before, and to no
        stack a second time.
        """
        stack = self.stack_of(place)
        if place % _ALIGNED or stack is None or place > stack.high - size:
            raise LostError(f"the {self.pointer} of the caller, {place:#x}, is on none of its stacks")
        if stack == self.stack:
            if place <= last:
                raise LostError(f"the caller would be further down its stack, at {place:#x}")
        elif stack in self.left:
            raise LostError(f"the caller would be on a stack that was left, at {place:#x}")
        else:
            self.left.append(self.stack)
            self.stack = stack

    def stack_of(self, address: int) -> Stack | None:
        """The stack that an address lies in."""
        return next((stack for stack in self.stacks if stack.low <= address < stack.high), None)

    def word(self, address: int) -> int:
        """A word of one of the stacks."""
        stack = self.stack_of(address)
        if stack is None or address > stack.high - 8:
            raise LostError(f"{address:#x} is on none of its stacks")
        return stack_word(self.window, address, stack)


class BackChainWalk(ChainWalk, ABC):
    """A walk whose links are stack pointers; ``sp``: the frame that it has come to. ``is_code``: whether an
    address lies in the image or in a module.
    """

    def __init__(
        self, window: Window, stacks: Sequence[Stack], start: Start, is_code: Callable[[int], bool]
    ) -> None:
        super().__init__(window, stacks, start.sp)
        self.start, self.sp, self.is_code = start, start.sp, is_code

    def run(self) -> Trace:
        """The frames from the start on; raises nothing."""
        start = self.start
        self.frames.append(Frame(self.first(), start.sp, start.exact, self.stack.kind))
        if not self.stack.high:
            return self.lost(f"the stack pointer, {start.sp:#x}, is on none of its stacks")
        try:
            self.begin()
            while len(self.frames) < MOST_FRAMES:
                if (ended := self.step()) is not None:
                    return ended
        except LostError as error:
            return self.lost(str(error))
        return self.lost(f"more than {MOST_FRAMES} frames")

    def first(self) -> int:
        """The address that the walk begins at."""
        return self.start.ip

    @abstractmethod
    def begin(self) -> None:
        """What the start tells beside its own frame."""

    @abstractmethod
    def step(self) -> Trace | None:
        """On to the caller, or to what was interrupted; the end, where there is neither."""

    def add(self, address: int, place: int, registers: int = 0) -> None:
        """A frame by the return address at a place, or by the registers of what was interrupted."""
        if not self.is_code(address):
            raise LostError(f"{address:#x}, at {place:#x}, is no address of code")
        self.frames.append(Frame(address, self.sp, bool(registers), self.stack.kind, registers))

    def move(self, sp: int) -> None:
        """On to another frame."""
        self.enter(sp, self.sp)
        self.sp = sp
