"""What every kind of lock is made of.

A kind is one module in `crashdrive.linux.locks.kinds`, found by its name alone. It holds

- ``TYPE``: what the rows call it (``mutex``),
- ``FUNCTIONS``: a pattern of the functions in which a task waits,
- ``def lock(stack)``: the address of the lock, from the task's stack; None where it isn't found,
- ``def owners(survey, addresses)``: an `Owner` for each lock that has one. May be missing.
- ``ENCLOSES``: True where the waiters may sleep in functions of another kind, and ``lock`` gives the waiter:
  a module of `crashdrive.linux.locks.objects` knows what it waits for. May be missing.

A waiter is a structure on its task's stack: it points to the task, and its list leads to the lock. A stack
holds old waiters, too, so a waiter counts only where its list leads back to it. FaultError where a list leads
through memory that isn't in the dump, and no other waiter leads to a lock.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crashdrive.errors import FaultError

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_MOST_WAITERS = 1 << 20
_ALONE = 2  # nodes of a list with one waiter
# what is no pointer leads anywhere; these reasons say that the dump lacks that memory
MISSING = frozenset({"excluded", "not in the dump", "incomplete"})


class Owner(NamedTuple):
    """The holder of a lock: its task's address; ``reader``: it is the last of perhaps several readers."""

    task: int
    reader: bool = False


class Kind(Protocol):
    """A module of `crashdrive.linux.locks.kinds`."""

    TYPE: str
    FUNCTIONS: re.Pattern[str]

    def lock(self, stack: WaitingStack) -> int | None:
        """The address of the lock that the task waits for."""
        ...


@dataclass(frozen=True, slots=True)
class Stacks:
    """The stacks of tasks. The head of a list is the node that is on none of them."""

    starts: Sequence[int]
    size: int
    heads: dict[int, int | None] = field(default_factory=dict)

    def holds(self, address: int) -> bool:
        """Whether an address lies on a task's stack."""
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
        """The nodes of a list, from ``node`` on; empty if a neighbour doesn't lead back."""
        found, at = [node], node
        while len(found) < _MOST_WAITERS:
            following = self.kernel.read_pointer(at)
            if self.kernel.read_pointer(following + self.kernel.pointer_size) != at:
                return []
            if following == node:
                return found if len(found) > 1 else []
            found.append(following)
            at = following
        return []

    def _named(self, heads: Sequence[int]) -> int | None:
        """The head among nodes that are on no stack: the one in a variable. The others are waiters on the
        heap.
        """
        named = [one for one in heads if self.kernel.symbols.lookup(one) is not None]
        return named[0] if len(named) == 1 else None

    def is_in(self, pattern: re.Pattern[str]) -> bool:
        """Whether one of the stack's functions matches."""
        return any(pattern.fullmatch(function) for function in self.functions)


def from_list(stack: WaitingStack, waiter: tuple[str, str, str], lock: tuple[str, str]) -> int | None:
    """The lock whose list a waiter on the stack is on.

    ``waiter``: its structure, the member for the task, the member for the list's node; ``lock``: the lock's
    structure and the member for its list.
    """
    found = on_a_list(stack, *waiter)
    return None if found is None else found.head - stack.kernel.offset(*lock)


class Waiter(NamedTuple):
    """A waiter on a stack, and the head of the list that it is on."""

    address: int
    head: int


def on_a_list(stack: WaitingStack, kind: str, task: str, node: str) -> Waiter | None:
    """The youngest waiter of a kind whose list leads back to it: see `from_list`."""
    offset = stack.kernel.offset(kind, node)
    missing: FaultError | None = None
    for place in stack.waiters(kind, task):
        try:
            head = stack.head(place + offset)
        except FaultError as error:
            missing = missing or (error if error.reason in MISSING else None)
            continue
        if head is not None:
            return Waiter(place, head)
    if missing is not None:
        raise missing
    return None


def owner_words(
    survey: Survey, kind: str, alternatives: Sequence[str], locks: Sequence[int]
) -> Mapping[int, int]:
    """The owner's word of each lock that has an owner; one that can't be read is noted."""
    kernel = survey.kernel
    path = kernel.first_path(kind, alternatives)
    if path is None:
        return {}
    values = survey.gaps(kernel.read_many(kind, locks, [path]), "owners of locks")[path]
    mask = (1 << 8 * kernel.pointer_size) - 1
    return {lock: value & mask for lock, value in zip(locks, values, strict=True) if value}
