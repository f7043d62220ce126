"""From virtual to physical pages by page tables, of any architecture whose tables are arrays of words.

crash translates by itself, and is the one to ask. But where it was started without its tables
(`Session.minimal`) it takes addresses of modules and of vmalloc for others, without a word; and it has no way
to the memory of a task that it doesn't know. All that a walk needs stands in VMCOREINFO. Each level of all
addresses is one round trip; tables that were read are kept.

Pages are counted in units of 4,096 bytes whatever the size of the machine's own.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self, TypeVar

from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

K = TypeVar("K")
_ENTRY = 8  # bytes
_WORDS = {order: struct.Struct(f"{order}{PAGE // _ENTRY}Q").unpack for order in "<>"}
# read(physical page numbers, sorted) -> page number and its 4,096 bytes, or why they are missing
ReadTables = Callable[[Sequence[int]], Mapping[int, bytes | str]]


class Extent(NamedTuple):
    """``size`` pages from virtual page ``page`` on that lie at physical page ``frame`` and behind it."""

    page: int
    frame: int
    size: int


class Unmapped(NamedTuple):
    """A virtual page that leads nowhere, and why."""

    page: int
    reason: str


class Level(NamedTuple):
    """One level of tables: the lowest bit of an address that it looks at, and how many from there on."""

    shift: int
    bits: int


class Hop(NamedTuple):
    """Where an entry leads: to the next table, or to memory, by their physical addresses.

    ``reason``: why there is neither.
    """

    table: int | None = None
    memory: int | None = None
    reason: str = "not mapped"


class Paging(ABC):
    """The page tables below one root (a physical address), ``levels`` from the top on.

    ``order``: the byte order of their entries.
    """

    def __init__(self, root: int, read: ReadTables, levels: Sequence[Level], order: str = "<") -> None:
        self._root = root
        self._read = read
        self._levels = tuple(levels)
        self._words = _WORDS[order]
        # pages of tables by number: tables of large pages are several of them
        self._tables: dict[int, tuple[int, ...] | str] = {}

    @abstractmethod
    def below(self, root: int) -> Self:
        """The tables below another root, such as those of a process."""

    @abstractmethod
    def _follow(self, entry: int, level: int) -> Hop:
        """Where an entry of a table of the level leads; the last level is 0."""

    @abstractmethod
    def _is_address(self, page: int) -> bool:
        """Whether the processor would look such a page up in these tables."""

    def forget(self) -> None:
        """Forget the tables that were read."""
        self._tables.clear()

    def translate(self, pages: Sequence[int]) -> tuple[list[Extent], list[Unmapped]]:
        """Sorted virtual page numbers: where they lie, neighbours in one, and those that lie nowhere."""
        # the table that each page's way has come to; a large page ends a way early
        way = {page: self._root for page in pages if self._is_address(page)}
        found: dict[int, int] = {}
        lost = [Unmapped(page, "not an address") for page in pages if page not in way]
        for number, level in enumerate(self._levels):
            below: dict[int, int] = {}
            for page, hop in self._step(((page, page, table) for page, table in way.items()), number, level):
                if hop.table is not None:
                    below[page] = hop.table
                elif hop.memory is not None:
                    found[page] = _frame(hop.memory, page, level)
                else:
                    lost.append(Unmapped(page, hop.reason))
            way = below
        return list(_joined(sorted(found.items()))), sorted(lost)

    def frames(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int | str]:
        """Physical page numbers of virtual ones below many roots (physical addresses), or why there is none.

        ``wanted``: (root, virtual page number). Each level of all of them is one round trip.
        """
        found: dict[tuple[int, int], int | str] = {}
        ways = {key: key[0] for key in wanted}
        for number, level in enumerate(self._levels):
            below: dict[tuple[int, int], int] = {}
            for key, hop in self._step(((key, key[1], table) for key, table in ways.items()), number, level):
                if hop.table is not None:
                    below[key] = hop.table
                else:
                    found[key] = hop.reason if hop.memory is None else _frame(hop.memory, key[1], level)
            ways = below
        return found

    def _step(self, ways: Iterable[tuple[K, int, int]], number: int, level: Level) -> Iterator[tuple[K, Hop]]:
        """One level down: where each page's entry in its table leads."""
        shift, mask = level.shift - PAGE_SHIFT, (1 << level.bits) - 1
        places = [(key, table + (page >> shift & mask) * _ENTRY) for key, page, table in ways]
        self._load({place >> PAGE_SHIFT for _, place in places})
        left = len(self._levels) - 1 - number
        last, hop = -1, Hop()
        for key, place in places:
            # neighbours share the entries of upper levels
            if place != last:
                last, hop = place, self._hop(place, left)
            yield key, hop

    def _hop(self, place: int, level: int) -> Hop:
        """Where the entry at a physical address leads."""
        words = self._tables[place >> PAGE_SHIFT]
        if isinstance(words, str):
            return Hop(reason=f"its page table is {words}")
        return self._follow(words[(place & PAGE - 1) // _ENTRY], level)

    def _load(self, numbers: Iterable[int]) -> None:
        missing = sorted(number for number in numbers if number not in self._tables)
        if not missing:
            return
        read = self._read(missing)
        for number in missing:
            data = read[number]
            self._tables[number] = data if isinstance(data, str) else self._words(data)


def _frame(memory: int, page: int, level: Level) -> int:
    """The page's number within the memory that an entry of the level leads to."""
    return memory >> PAGE_SHIFT | page & (1 << level.shift - PAGE_SHIFT) - 1


def _joined(found: Iterable[tuple[int, int]]) -> Iterator[Extent]:
    """Pages with their frames as extents."""
    first, start, count = -1, -1, 0
    for page, frame in found:
        if count and page == first + count and frame == start + count:
            count += 1
            continue
        if count:
            yield Extent(first, start, count)
        first, start, count = page, frame, 1
    if count:
        yield Extent(first, start, count)
