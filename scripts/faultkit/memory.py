"""A dump's memory that remembers every page, and in which any of them can be missing or another one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import replaykit

from crashdrive.kernel.memory.bulk import Memory, Space
from crashdrive.kernel.memory.bulk import _Block as Block
from crashdrive.kernel.memory.bulk import _Pages as Pages
from crashdrive.kernel.memory.transfer import Missing
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

REASON = "excluded"
# how many pages more than the reader's own a run may ask for: 256 MB
_MOST_MORE = 1 << 16
# how many pages are kept that no reader needs of the whole memory
_MOST_KEPT = 1 << 14


class Place(NamedTuple):
    """A page of an address space: ``kernel``, ``physical``, or ``user`` with the task that it belongs to."""

    space: str
    task: int
    page: int

    def __str__(self) -> str:
        return f"{self.space} {self.page << PAGE_SHIFT:#x}"


class Known(NamedTuple):
    """What the dump has of a page: its bytes, None where it has none, and the holes in them."""

    data: bytes | None
    holes: tuple[Missing, ...]


Where = tuple[str, int]
"""An address space: its name, and the task that it belongs to."""


class Remembered:
    """All pages that were ever read from a dump, shared by one memory after the other.

    ``holes``: so many of all pages, from 0 to 1 and chosen by the ``seed``, are missing in the dump.
    """

    def __init__(self, holes: float = 0.0, seed: int = 0) -> None:
        self._holes, self._seed = holes, seed
        self._spaces: dict[Where, dict[int, Known]] = {}
        self._needed: set[Place] = set()

    def space(self, where: Where) -> dict[int, Known]:
        """Pages of an address space by their numbers."""
        return self._spaces.setdefault(where, {})

    def put(self, where: Where, page: int, known: Known) -> None:
        """Remember a page."""
        is_hole = random.Random(f"{self._seed} {where} {page}").random() < self._holes  # noqa: S311 - repeatable
        self.space(where)[page] = _wrong(Place(*where, page), None) if is_hole else known

    def at(self, place: Place) -> Known:
        """A page that was read."""
        return self._spaces[place[:2]][place.page]

    def need(self, places: Iterable[Place]) -> None:
        """Keep these."""
        self._needed.update(places)

    def trim(self) -> None:
        """Forget what damage alone has led to, where that is much."""
        if sum(map(len, self._spaces.values())) > len(self._needed) + _MOST_KEPT:
            for where, pages in self._spaces.items():
                for page in [page for page in pages if Place(*where, page) not in self._needed]:
                    del pages[page]


class TooMuchError(BaseException):
    """No Exception: a reader must not catch it."""


class FaultyMemory(Memory):
    """Reads of a dump in which the pages in ``faults`` are what they say: None is a page that is missing.

    The dump is asked once for each page. TooMuchError for a run that asks for very many more than the
    ``usual`` number.
    """

    def __init__(
        self,
        session: Any,
        remembered: Remembered,
        faults: Mapping[Place, bytes | None] | None = None,
        usual: int = 0,
    ) -> None:
        super().__init__(session, cache_size=0, gap=0)
        self._remembered = remembered
        self._faults = {place: _wrong(place, data) for place, data in (faults or {}).items()}
        self._faulty = {place.page for place in self._faults}
        self._read: dict[Where, dict[int, None]] = {}
        self._most = usual + _MOST_MORE

    def places(self) -> list[Place]:
        """What was asked for, in that order, but for address spaces."""
        return [Place(*where, page) for where, pages in self._read.items() for page in pages]

    def bytes_of(self, place: Place) -> bytes | None:
        """What was read there; None where nothing was, or nothing is."""
        if place.page not in self._read.get(place[:2], ()):
            return None
        return (self._faults.get(place) or self._remembered.at(place)).data

    def read(self, address: int, size: int, *, space: Space = "kernel", task: int | None = None) -> bytes:
        """As `Memory` has it; the many small reads of pages that are known are quick."""
        page, at = address >> PAGE_SHIFT, address & PAGE - 1
        if space == "kernel" and at + size <= PAGE and page not in self._faulty:
            known = self._remembered.space((space, 0)).get(page)
            if known is not None and known.data is not None and not known.holes:
                self._read.setdefault((space, 0), {})[page] = None
                return known.data[at : at + size]
        return super().read(address, size, space=space, task=task)

    def _load(self, where: Where, pages: list[int]) -> Pages:
        known = self._remembered.space(where)
        read = self._read.setdefault(where, {})
        read.update(dict.fromkeys(pages))
        if self._faults and len(read) > self._most:
            raise TooMuchError
        if unknown := [page for page in pages if page not in known]:
            try:
                self._remember(where, unknown)
            except BaseException:
                # a recording that doesn't hold them: they were not read
                for page in unknown:
                    read.pop(page, None)
                raise
        blocks = {page: Block(page << PAGE_SHIFT, data) for page in pages if (data := known[page].data)}
        found = Pages(blocks, {page: known[page].holes for page in pages if known[page].holes})
        for page in self._faulty.intersection(pages):
            if wrong := self._faults.get(Place(*where, page)):
                _put(found, page, wrong)
        return found

    def _remember(self, where: Where, pages: list[int]) -> None:
        known = super()._load(where, pages)
        for page in pages:
            block = known.blocks.get(page)
            at = 0 if block is None else (page << PAGE_SHIFT) - block.address
            data = None if block is None else block.data[at : at + PAGE]
            self._remembered.put(where, page, Known(replaykit.page(data), known.holes.get(page, ())))


def _wrong(place: Place, data: bytes | None) -> Known:
    return Known(data, () if data is not None else (Missing(place.page << PAGE_SHIFT, PAGE, REASON),))


def _put(found: Pages, page: int, wrong: Known) -> None:
    found.blocks.pop(page, None)
    found.holes.pop(page, None)
    if wrong.data is not None:
        found.blocks[page] = Block(page << PAGE_SHIFT, wrong.data)
    if wrong.holes:
        found.holes[page] = wrong.holes
