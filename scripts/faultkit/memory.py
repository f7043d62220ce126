"""A dump's memory that remembers every page, and in which any of them can be missing or another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from crashdrive.kernel.memory.bulk import Memory
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


class Remembered:
    """All pages that were ever read from a dump, shared by one memory after the other."""

    def __init__(self) -> None:
        self.pages: dict[Place, Known] = {}
        self._needed: set[Place] = set()

    def need(self, places: Iterable[Place]) -> None:
        """Keep these."""
        self._needed.update(places)

    def trim(self) -> None:
        """Forget what damage alone has led to, where that is much."""
        if len(self.pages) > len(self._needed) + _MOST_KEPT:
            self.pages = {place: known for place, known in self.pages.items() if place in self._needed}


class TooMuchError(BaseException):
    """No Exception: a reader must not catch it."""


class FaultyMemory(Memory):
    """Reads of a dump in which the pages in ``faults`` are what they say: None is a page that is missing.

    ``read_places`` are the places that were asked for, in that order. The dump is asked once for each.
    TooMuchError for a run that asks for very many more than the ``usual`` number.
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
        self._faults = faults or {}
        self.read_places: dict[Place, None] = {}
        self._most = usual + _MOST_MORE

    def _load(self, where: tuple[str, int], pages: list[int]) -> Pages:
        places = [Place(*where, page) for page in pages]
        self.read_places.update(dict.fromkeys(places))
        if self._faults and len(self.read_places) > self._most:
            raise TooMuchError
        self._remember(where, [p.page for p in places if p not in self._remembered.pages])
        found = Pages({}, {})
        for place in places:
            known = self._faulty(place)
            if known.data is not None:
                found.blocks[place.page] = Block(place.page << PAGE_SHIFT, known.data)
            if known.holes:
                found.holes[place.page] = known.holes
        return found

    def bytes_of(self, place: Place) -> bytes | None:
        """What was read there, None where nothing is."""
        return self._faulty(place).data

    def _faulty(self, place: Place) -> Known:
        if place not in self._faults:
            return self._remembered.pages[place]
        data = self._faults[place]
        return Known(data, () if data is not None else (Missing(place.page << PAGE_SHIFT, PAGE, REASON),))

    def _remember(self, where: tuple[str, int], pages: list[int]) -> None:
        if not pages:
            return
        known = super()._load(where, pages)
        for page in pages:
            block = known.blocks.get(page)
            at = 0 if block is None else (page << PAGE_SHIFT) - block.address
            data = None if block is None else block.data[at : at + PAGE]
            self._remembered.pages[Place(*where, page)] = Known(data, known.holes.get(page, ()))
