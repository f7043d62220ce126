"""What a walk gives, and the one loop that follows chains of pointers, many chains at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from crashdrive.errors import CorruptError, FaultError
from crashdrive.kernel.window import BUDGET, PAGE, PAGE_SHIFT, Window, around
from crashdrive.records import Notice, Record

# Read ahead only while few chains are followed: many of them bring each other's pages along.
_FEW = 32


class Problem(Record, frozen=True):
    """Why a walk may be incomplete, at which address.

    ``kind``: ``hole`` (memory that the dump doesn't hold), ``null``, ``poison``, ``unaligned``, ``loop``,
    ``end`` (a chain that ends in another chain's mark), ``shared`` (a node in two chains),
    ``link`` (a node whose back link points elsewhere), ``node`` (a tree's node that is none).
    """

    kind: str
    address: int
    message: str


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses found by a walk, in its order; ``complete`` is False where some may be missing.

    ``problems`` says what was odd, also where nothing is missing.
    """

    addresses: Sequence[int]
    problems: tuple[Problem, ...] = ()
    complete: bool = True

    def __len__(self) -> int:
        return len(self.addresses)

    def __iter__(self) -> Iterator[int]:
        return iter(self.addresses)

    def check(self) -> Walk:
        """Itself; FaultError or CorruptError (with ``found``) where it isn't complete."""
        if self.complete:
            return self
        worst = next((p for p in self.problems if p.kind not in HARMLESS), self.problems[0])
        message = f"{worst.message} after {len(self.addresses)} found"
        if worst.kind == "hole":
            raise FaultError(message, worst.address, 0, "hole")
        raise CorruptError(message, worst.address, self.addresses)

    def notices(self, what: str) -> tuple[Notice, ...]:
        """The problems for an Answer's warnings; ``what`` names what was walked."""
        return tuple(Notice(kind=p.kind, message=f"{what}: {p.message}") for p in self.problems)


# A back link may lag behind for an instant while a writer adds a node (list_add_rcu sets it last).
HARMLESS = frozenset({"link"})


def walk(addresses: Sequence[int], problems: Sequence[Problem]) -> Walk:
    """A Walk out of what was found; complete unless a problem says otherwise."""
    return Walk(
        addresses=addresses, problems=tuple(problems), complete=all(p.kind in HARMLESS for p in problems)
    )


def suspicion(pointer: int, pointer_size: int) -> str | None:
    """What makes a value no pointer to a node: ``null``, ``poison`` or ``unaligned``; None if nothing.

    LIST_POISON1 and 2 are 0x100 and 0x122 above CONFIG_ILLEGAL_POINTER_VALUE (include/linux/poison.h).
    """
    if pointer == 0:
        return "null"
    if pointer in {0x100, 0x122, 0x200} or (pointer >> 32 == 0xDEAD0000 and pointer & 0xFFFFFFFF < PAGE):
        return "poison"
    return "unaligned" if pointer % pointer_size else None


Ended: TypeAlias = Callable[[int, int], bool]
Visit: TypeAlias = Callable[[list[int]], None]


class Chains:
    """Follows many chains at once: all that the pages at hand allow, then one round trip for the rest.

    Chain i has ended at a pointer p where ``ended(p, i)``. A node's pointer to the next is ``link`` bytes
    after its start. ``reach`` is the part of each node, from and to relative to the node, that a fetch
    brings along. With ``heads``, those of circular lists, the word after the pointer must point back.
    ``visit`` is told the nodes of a batch while their pages are at hand.
    """

    def __init__(
        self,
        window: Window,
        ended: Ended,
        *,
        link: int = 0,
        reach: tuple[int, int] = (0, 0),
        heads: Sequence[int] | None = None,
        visit: Visit | None = None,
    ) -> None:
        self._window = window
        self._ended = ended
        self._link = link
        width = window.pointer_size * (1 if heads is None else 2)
        self._low, self._high = min(reach[0], link), max(reach[1], link + width)
        self._heads = heads
        self._visit = visit
        self._seen: set[int] = set()
        self.found: dict[int, list[int]] = {}
        self.problems: list[Problem] = []

    def follow(self, starts: Sequence[tuple[int, int]]) -> None:
        """Follow (first pointer, chain number) to their ends; afterwards ``found`` holds nodes by chain."""
        frontier = [(pointer, chain) for pointer, chain in starts if not self._ended(pointer, chain)]
        while frontier:
            frontier.sort()
            frontier = [node for batch in self._batches(frontier) for node in self._advance_all(batch)]

    def _batches(self, frontier: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
        low, high = self._low, self._high
        begin, pages, last = 0, 0, -1
        for at, (pointer, _) in enumerate(frontier):
            end = (pointer + high - 1) >> PAGE_SHIFT
            pages += end - max(last, ((pointer + low) >> PAGE_SHIFT) - 1)
            last = max(last, end)
            if pages << PAGE_SHIFT > BUDGET and at > begin:
                yield frontier[begin:at]
                self._window.drop()
                begin, pages = at, 1
        yield frontier[begin:]

    def _advance_all(self, batch: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        self._fetch(batch)
        visited: list[int] = []
        rest: list[tuple[int, int]] = []
        for pointer, chain in batch:
            onward = self._advance(pointer, chain, visited)
            if onward is not None:
                rest.append((onward, chain))
        if self._visit is not None:
            self._visit(visited)
        return rest

    def _fetch(self, batch: Sequence[tuple[int, int]]) -> None:
        low, size = self._low, self._high - self._low
        ranges = [(pointer + low, size) for pointer, _ in batch]
        if len(batch) <= _FEW:
            ranges += [around(*range_) for range_ in ranges]
        self._window.fetch(ranges)

    def _advance(self, pointer: int, chain: int, visited: list[int]) -> int | None:
        """Follow one chain inside the pages at hand; the node to fetch next, or None where it ends."""
        word, ended, seen, link = self._window.word, self._ended, self._seen, self._link
        unaligned = self._window.pointer_size - 1
        found = self.found.get(chain)
        if found is None:
            found = self.found[chain] = []
        while True:
            following = None if pointer & unaligned else word(pointer + link)
            if following is None:
                return self._missing(pointer, found)
            if pointer in seen:
                return self._stop("loop" if pointer in found else "shared", pointer, found)
            if self._heads is not None:
                self._check_back(pointer, found[-1] if found else self._heads[chain])
            seen.add(pointer)
            found.append(pointer)
            visited.append(pointer)
            if ended(following, chain):
                return None
            pointer = following

    def _missing(self, pointer: int, found: list[int]) -> int | None:
        kind = suspicion(pointer, self._window.pointer_size)
        if kind is None and not self._window.knows(pointer + self._link):
            if 0 <= pointer < self._window.limit - self._high:
                return pointer
            kind = "unaligned"
        return self._stop(kind or "hole", pointer, found)

    def _check_back(self, pointer: int, previous: int) -> None:
        back = self._window.word(pointer + self._link + self._window.pointer_size)
        if back is not None and back != previous:
            message = f"node {pointer:#x} follows {previous:#x}, but its prev is {back:#x}"
            self.problems.append(Problem(kind="link", address=pointer, message=message))

    def _stop(self, kind: str, pointer: int, found: list[int]) -> int | None:
        """Note why a chain can't be followed any further; None, as at its end."""
        before = f" after {found[-1]:#x}" if found else ", the first of its chain,"
        said = _SAID.get(kind, "")
        if kind == "hole":
            hole = self._window.hole(pointer + self._link, self._window.pointer_size)
            said = f"is not in the dump ({hole.reason if hole else 'unknown'})"
        self.problems.append(Problem(kind=kind, address=pointer, message=f"node {pointer:#x}{before} {said}"))
        return None


_SAID = {
    "null": "is NULL",
    "poison": "is the poison of a deleted node",
    "unaligned": "is no aligned pointer",
    "loop": "was there before: the chain is a loop",
    "shared": "is in another chain too",
}
