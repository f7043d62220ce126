"""What a walk gives, and the one loop that follows chains of pointers, many chains at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn, TypeAlias

import msgspec
from msgspec import structs

from crashdrive.errors import CorruptError, FaultError
from crashdrive.kernel.memory.window import BUDGET, NOWHERE, Window
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT
from crashdrive.records import Address, Notice, Record

# Read ahead only while few chains are followed: many of them bring each other's pages along.
_FEW = 32
# How many nodes are put to a batch at once.
_STEP = 1024


class Problem(Record, frozen=True):
    """Why a walk may be incomplete, at which address.

    ``kind``: ``hole`` (memory that the dump doesn't hold), ``null``, ``poison``, ``unaligned``, ``loop``,
    ``end`` (a chain that ends in another chain's mark), ``shared`` (a node in two chains),
    ``link`` (a node whose back link lags behind, or is damaged alone), ``back`` (a back link that tells of
    nodes left out, or of a pointer that led astray), ``node`` (a tree's node that is none), ``zeros``
    (pages that the dump lacks may have been read as zeros), ``time`` (it took too long).
    """

    kind: str
    address: Address
    message: str

    def notice(self, what: str, more: str = "") -> Notice:
        """The problem as an answer's warning; one of all memory is the same whatever was walked."""
        told = self.message if self.kind == "zeros" else f"{what}: {self.message}{more}"
        return Notice(kind=self.kind, message=told)


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses found by a walk, in its order; ``complete`` is False where some may be missing.

    ``problems`` says what was odd, also where nothing is missing. ``lists``, of a walk over many circular
    lists: for each address the number of its list, from 0 in the order of the heads.
    """

    addresses: Sequence[int]
    problems: tuple[Problem, ...] = ()
    complete: bool = True
    lists: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.addresses)

    def __iter__(self) -> Iterator[int]:
        return iter(self.addresses)

    def check(self) -> Walk:
        """Itself; FaultError or CorruptError (with ``found``) where it isn't complete."""
        if not self.complete:
            fail(self.problems, self.addresses)
        return self

    def notices(self, what: str) -> tuple[Notice, ...]:
        """The problems for an Answer's warnings; ``what`` names what was walked."""
        return tuple(problem.notice(what) for problem in self.problems)


# A back link may lag behind for an instant while a writer adds a node (list_add_rcu sets it last).
HARMLESS = frozenset({"link"})


def fail(problems: Sequence[Problem], found: Sequence[int]) -> NoReturn:
    """FaultError or CorruptError for the worst of the problems of a walk that isn't complete."""
    worst = next((p for p in problems if p.kind not in HARMLESS), problems[0])
    message = f"{worst.message} after {len(found)} found"
    if worst.kind == "hole":
        raise FaultError(message, worst.address, 0, "hole")
    raise CorruptError(message, worst.address, found)


def lost(error: FaultError, what: str) -> Problem:
    """A walk's beginning that couldn't be read."""
    return Problem(kind="hole", address=error.address, message=f"{what} can't be read: {error}")


def walk(addresses: Sequence[int], problems: Sequence[Problem]) -> Walk:
    """A Walk out of what was found; complete unless a problem says otherwise."""
    return Walk(
        addresses=addresses, problems=tuple(problems), complete=all(p.kind in HARMLESS for p in problems)
    )


def doubted(found: Walk, doubts: Sequence[str]) -> Walk:
    """The same walk, incomplete where there is reason to doubt all that was read."""
    if not doubts:
        return found
    more = (Problem(kind="zeros", address=0, message=doubt) for doubt in doubts)
    return structs.replace(found, problems=(*found.problems, *more), complete=False)


def suspicion(pointer: int, pointer_size: int) -> str | None:
    """What makes a value no pointer to a node: ``null``, ``poison`` or ``unaligned``; None if nothing.

    LIST_POISON1 and 2 are 0x100 and 0x122 above CONFIG_ILLEGAL_POINTER_VALUE (include/linux/poison.h).
    """
    if pointer == 0:
        return "null"
    if pointer in {0x100, 0x122, 0x200} or (pointer >> 32 == 0xDEAD0000 and pointer & 0xFFFFFFFF < PAGE):
        return "poison"
    return "unaligned" if pointer % pointer_size else None


class Timer:
    """The time that one walk has, from now on."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._end = window.clock() + window.walk_seconds

    def is_up(self, address: int, left: int, problems: list[Problem]) -> bool:
        """Whether it is up, noted at the ``address`` to go on from, of ``left`` that there are."""
        if self._window.clock() < self._end:
            return False
        message = f"given up after {self._window.walk_seconds:g} s, {left} nodes were still to be followed"
        problems.append(Problem(kind="time", address=address, message=message))
        return True


Visit: TypeAlias = Callable[[list[int]], None]


class Chains:
    """Follows many chains at once: all that the pages at hand allow, then one round trip for the rest.

    Chain i has ended where a pointer is ``ends[i]``: 0; or its head in a circular list; or with ``nulls`` a
    mark of its own, an odd value, where any other odd value ends it too and is kept in ``strays``. With
    ``heads`` the word after each pointer must point back, that of the first node to ``heads[i]``; where it
    doesn't, the next node has to say that this one is one. A node's pointer to the next is ``link`` bytes
    after its start. ``reach`` is the part of each node, from and to relative to the node, that a fetch brings
    along. ``visit`` is told the nodes of a batch while their pages are at hand.
    """

    def __init__(
        self,
        window: Window,
        ends: Sequence[int],
        *,
        link: int = 0,
        reach: tuple[int, int] = (0, 0),
        heads: Sequence[int] | None = None,
        nulls: bool = False,
        visit: Visit | None = None,
    ) -> None:
        self._window = window
        self._ends = ends
        self._link = link
        self._heads = heads
        self._mask = 1 if nulls else 0
        self._low = min(reach[0], link)
        self._high = max(reach[1], link + window.pointer_size * (1 if heads is None else 2))
        self._visit = visit
        # each node's chain; nodes of one chain in its order
        self._chain_of: dict[int, int] = {}
        # the last node of each chain that had to wait for a fetch
        self._before: dict[int, int] = {}
        self.strays: list[tuple[int, int]] = []
        self.problems: list[Problem] = []

    def nodes(self) -> list[int]:
        """All nodes found, chain by chain."""
        return sorted(self._chain_of, key=self._chain_of.__getitem__)

    def numbers(self) -> list[int]:
        """The chain of each of `nodes`."""
        return sorted(self._chain_of.values())

    def lasts(self) -> dict[int, int]:
        """The last node found of each chain that has any."""
        return {chain: node for node, chain in self._chain_of.items()}

    def follow(self, firsts: Iterable[tuple[int, int]]) -> None:
        """Follow (first node, chain number) to their ends.

        Memory is swept upwards, a budget's worth of pages at a time; what a sweep has passed already is
        left to the next one.
        """
        starts = list(firsts)
        waiting = dict(starts)
        if len(waiting) < len(starts):
            waiting = {}
            for pointer, chain in starts:
                self._wait(waiting, pointer, chain)
        frontier, passed = sorted(waiting), dict[int, int]()
        timer = Timer(self._window)
        while frontier and not timer.is_up(frontier[0], len(frontier), self.problems):
            count, pages = self._batch(frontier)
            self._window.fetch_pages(pages)
            rest = self._advance(frontier[:count], waiting)
            ahead, last = frontier[count:], frontier[count - 1]
            joining: list[int] = []
            for pointer, chain in rest:
                later = ahead and pointer > last
                if later and pointer not in waiting:
                    joining.append(pointer)
                self._wait(waiting if later else passed, pointer, chain)
            if ahead:
                frontier = sorted(ahead + joining)  # cheap: most of it is sorted
                self._window.drop()
            else:
                waiting, passed = passed, {}
                frontier = sorted(waiting)
                if self._window.held > BUDGET:
                    self._window.drop()

    def _wait(self, waiting: dict[int, int], pointer: int, chain: int) -> None:
        """Note a node to fetch; two chains at the same node is one too many."""
        if waiting.setdefault(pointer, chain) != chain:
            self._stop("shared", pointer, self._before.get(chain))

    def _batch(self, frontier: Sequence[int]) -> tuple[int, set[int]]:
        """How many of a sorted frontier go together, and the pages that they need: a budget's worth."""
        pages: set[int] = set()
        for at in range(0, len(frontier), _STEP):
            more = self._pages(frontier[at : at + _STEP])
            if at and (len(pages) + len(more)) << PAGE_SHIFT > BUDGET:
                return at, pages
            pages |= more
        return len(frontier), pages

    def _pages(self, nodes: Sequence[int]) -> set[int]:
        low, high = self._low, self._high - 1
        if len(nodes) <= _FEW:
            spans = [(node + low, high + 1 - low) for node in nodes]
            return self._window.pages_of([*spans, *(self._window.around(*span) for span in spans)])
        if high - low >= PAGE:
            return self._window.pages_of((node + low, high + 1 - low) for node in nodes)
        return {(node + low) >> PAGE_SHIFT for node in nodes} | {
            (node + high) >> PAGE_SHIFT for node in nodes
        }

    def _advance(self, batch: Sequence[int], waiting: dict[int, int]) -> list[tuple[int, int]]:
        """Follow chains inside the pages at hand; the nodes to fetch next."""
        visited: list[int] = []
        rest: list[tuple[int, int]] = []
        for first in batch:
            chain = waiting.pop(first)
            onward = self._follow_one(first, chain, visited)
            if onward is not None:
                rest.append((onward, chain))
        if self._visit is not None:
            self._visit(visited)
        return rest

    def _follow_one(self, pointer: int, chain: int, visited: list[int]) -> int | None:
        """Follow one chain inside the pages at hand; the node to fetch next, or None where it ends."""
        # The innermost loop of all walks: names are local and the window's word() is written out.
        window, link, chain_of, end = self._window, self._link, self._chain_of, self._ends[chain]
        heads = self._heads
        pages, unpack, unaligned = window.pages, window.unpack, window.pointer_size - 1
        previous = None
        while True:
            data, base = pages.get((pointer + link) >> PAGE_SHIFT, NOWHERE)
            if not data or pointer & unaligned:
                return self._missing(pointer, chain, previous)
            if pointer in chain_of:
                kind = "loop" if chain_of[pointer] == chain else "shared"
                return self._stop(kind, pointer, previous or self._before.get(chain))
            if heads is not None:
                before = previous or self._before.get(chain, heads[chain])
                if self._back(pointer) != before and not self._is_node(pointer, chain, before):
                    return None
            chain_of[pointer] = chain
            visited.append(pointer)
            previous = pointer
            pointer = unpack(data, pointer + link - base)[0]
            if pointer == end:
                return None
            if pointer & self._mask:
                self.strays.append((chain, pointer))
                return None

    def _missing(self, pointer: int, chain: int, previous: int | None) -> int | None:
        kind = suspicion(pointer, self._window.pointer_size)
        if previous is not None:
            self._before[chain] = previous
        if kind is None and not self._window.knows(pointer + self._link):
            if 0 <= pointer < self._window.limit - self._high:
                return pointer
            kind = "unaligned"
        return self._stop(kind or "hole", pointer, self._before.get(chain))

    def _back(self, pointer: int) -> int | None:
        """A node's back link; None where it isn't at hand."""
        return self._window.word(pointer + self._link + self._window.pointer_size)

    def _is_node(self, pointer: int, chain: int, before: int) -> bool:
        """Whether a node is one though its back link says otherwise; noted, unless that isn't at hand."""
        back = self._back(pointer)
        if back is None:
            return True
        said = f"follows {before:#x}, but its prev is {back:#x}"
        if not self._is_confirmed(pointer, chain):
            self._note("back", pointer, f"{said}, and no node follows it that knows it")
            return False
        self._note(self.kind_of(back, pointer, chain), pointer, said)
        return True

    def _note(self, kind: str, pointer: int, said: str) -> None:
        self.problems.append(Problem(kind=kind, address=pointer, message=f"node {pointer:#x} {said}"))

    def _is_confirmed(self, pointer: int, chain: int) -> bool:
        """Whether what follows says that this is a node of the chain: the next node, or the end."""
        following = self._window.word(pointer + self._link) or 0
        if following == self._ends[chain]:
            return bool(self._mask) or (following != 0 and self._fetched(following + self._after) == pointer)
        if following & self._mask or suspicion(following, self._window.pointer_size):
            return False
        return self._fetched(following + self._link + self._window.pointer_size) == pointer

    @property
    def _after(self) -> int:
        """Where a head's own prev is."""
        return self._window.pointer_size

    def _fetched(self, place: int) -> int | None:
        """A word, wherever it is: of a damaged chain, which is rare."""
        if place % self._window.pointer_size:
            return None
        self._window.fetch([(place, self._window.pointer_size)])
        return self._window.word(place)

    def kind_of(self, back: int, pointer: int, chain: int) -> str:
        """What a back link ``back`` of a node or a head is that should be another one.

        ``link`` where a writer was at work (list_add_rcu() sets it last), or where it is no link at all;
        ``back`` where it leads to a node that points to this one, and wasn't found.
        """
        heads = self._heads or self._ends
        if self._chain_of.get(back) == chain or back == heads[chain]:
            return "link"
        if suspicion(back, self._window.pointer_size):
            return "link"
        return "back" if self._fetched(back + self._link) in (pointer, None) else "link"

    def _stop(self, kind: str, pointer: int, previous: int | None) -> int | None:
        """Note why a chain can't be followed any further; None, as at its end."""
        before = f" after {previous:#x}" if previous else ", the first of its chain,"
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
