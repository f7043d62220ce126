"""A walk over a chain of saved stack or frame pointers: what those of all architectures with one share."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.unwind.walk import Frame, LostError, Stack, Trace, stack_word

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
