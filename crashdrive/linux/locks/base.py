"""What every kind of lock is made of.

A kind is one module in `crashdrive.linux.locks.kinds`, found by its name alone. It holds

- ``TYPE``: what the rows call it (``mutex``),
- ``FUNCTIONS``: a pattern of the functions that a task is in while it waits,
- ``def lock(stack)``: the address of what the task waits for, out of its stack; None where that isn't found,
- ``def owners(kernel, addresses)``: an `Owner` for each lock that has one. May be missing.

A waiter lies on its task's stack and points to the task; its list leads to the lock. What is found there is
believed only where the list leads back: a stack holds old waiters, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crashdrive.errors import FaultError

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

_MOST_WAITERS = 1 << 20
_ALONE = 2  # nodes of a list with one waiter


class Owner(NamedTuple):
    """Who holds a lock: the task's address; ``reader``: it is one of several, the last that came."""

    task: int
    reader: bool = False


class Kind(Protocol):
    """A module of `crashdrive.linux.locks.kinds`."""

    TYPE: str
    FUNCTIONS: re.Pattern[str]

    def lock(self, stack: WaitingStack) -> int | None:
        """What the task waits for."""
        ...


@dataclass(frozen=True, slots=True)
class Stacks:
    """Where the stacks of tasks lie. A list's head is the node that lies on none of them."""

    starts: Sequence[int]
    size: int
    heads: dict[int, int | None] = field(default_factory=dict)

    def holds(self, address: int) -> bool:
        """Whether an address lies on a task's stack."""
        from bisect import bisect_right

        at = bisect_right(self.starts, address) - 1
        return at >= 0 and address < self.starts[at] + self.size


@dataclass(frozen=True, slots=True)
class WaitingStack:
    """The stack of a task that waits: its words from ``sp`` on, and its functions, the youngest first."""

    kernel: Machine
    task: int
    sp: int
    words: Sequence[int]
    functions: Sequence[str]
    stacks: Stacks

    def places(self, value: int) -> Iterator[int]:
        """Addresses of the words that hold a value, the youngest first."""
        width = self.kernel.pointer_size
        return (self.sp + width * at for at, word in enumerate(self.words) if word == value)

    def waiters(self, kind: str, task: str) -> Iterator[int]:
        """Addresses of structures on the stack whose member ``task`` is this task."""
        offset = self.kernel.offset(kind, task)
        return (place - offset for place in self.places(self.task) if place - offset >= self.sp)

    def head(self, node: int) -> int | None:
        """The head of the list that a waiter on this stack is on; None where it is on none."""
        known = self.stacks.heads
        if node not in known:
            circle = self._circle(node)
            heads = [one for one in circle if not self.stacks.holds(one)]
            if not heads and len(circle) == _ALONE:
                heads = circle[1:]  # of a completion on a stack, such as vfork()'s
            found = heads[0] if len(heads) == 1 else self._named(heads)
            known.update(dict.fromkeys((one for one in circle if one != found), found))
            known.setdefault(node, None)
        return known[node]

    def _circle(self, node: int) -> list[int]:
        """The nodes of a list from one on; none if a neighbour doesn't lead back."""
        found, at = [node], node
        try:
            while len(found) < _MOST_WAITERS:
                following = self.kernel.read_pointer(at)
                if self.kernel.read_pointer(following + self.kernel.pointer_size) != at:
                    return []
                if following == node:
                    return found if len(found) > 1 else []
                found.append(following)
                at = following
        except FaultError:
            pass
        return []

    def _named(self, heads: Sequence[int]) -> int | None:
        """The head among nodes on no stack: the one that is a variable. Others are waiters on the heap."""
        named = [one for one in heads if self.kernel.symbols.lookup(one) is not None]
        return named[0] if len(named) == 1 else None

    def is_in(self, pattern: re.Pattern[str]) -> bool:
        """Whether it is in one of these functions."""
        return any(pattern.fullmatch(function) for function in self.functions)


def from_list(stack: WaitingStack, waiter: tuple[str, str, str], lock: tuple[str, str]) -> int | None:
    """The lock whose list a waiter on the stack is on.

    ``waiter``: its structure, the member that is the task, the one that is the list's node; ``lock``: the
    lock's structure and its list.
    """
    kind, task, node = waiter
    offset = stack.kernel.offset(kind, node)
    for place in stack.waiters(kind, task):
        if (head := stack.head(place + offset)) is not None:
            return head - stack.kernel.offset(*lock)
    return None


def owner_words(
    kernel: Machine, kind: str, alternatives: Sequence[str], locks: Sequence[int]
) -> Mapping[int, int]:
    """The word that names the owner, of each lock that has one and can be read."""
    path = kernel.first_path(kind, alternatives)
    if path is None:
        return {}
    values = kernel.read_many(kind, locks, [path])[path]
    mask = (1 << 8 * kernel.pointer_size) - 1
    return {lock: value & mask for lock, value in zip(locks, values, strict=True) if value}
