"""The memory that one computation has at hand: whole pages, fetched in rounds.

Walks and column readers look words up here and collect what is missing; `Window.fetch` gets all of it in
one round trip. Nothing here asks crash by itself, so that it stays visible where a round trip happens.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from crashdrive.kernel.memory import Hole, Memory

PAGE_SHIFT = 12
PAGE = 1 << PAGE_SHIFT
_PAGE_MASK = PAGE - 1
_NOWHERE = (b"", 0)
# A single list can only be read ahead of: slabs of up to 32 kB hold its nodes beside each other.
READ_AHEAD = 8 * PAGE
# More bytes than this are not held at once: 39,500 sockets lie in 92 MB of slabs.
BUDGET = 64 << 20


class Window:
    """Pages by number, and the holes met while fetching them.

    4096 is the unit of bookkeeping, not the target's page size: larger pages are simply several of these.
    """

    def __init__(self, memory: Memory, *, pointer_size: int = 8, byte_order: str = "little") -> None:
        self._memory = memory
        self._pages: dict[int, tuple[bytes, int]] = {}
        self._holes: dict[int, Hole] = {}
        self.pointer_size = pointer_size
        self.order = "<" if byte_order == "little" else ">"
        self._word = struct.Struct(f"{self.order}{'Q' if pointer_size == 8 else 'I'}").unpack_from
        self.limit = 1 << (8 * pointer_size)

    @property
    def held(self) -> int:
        """How many bytes are at hand."""
        return len(self._pages) << PAGE_SHIFT

    def drop(self) -> None:
        """Forget all pages and holes."""
        self._pages.clear()
        self._holes.clear()

    def fetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have the pages of all (address, size) at hand, in one round trip; holes are remembered."""
        wanted = sorted(self._unknown(ranges))
        if wanted:
            self._take(wanted)

    def _unknown(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        pages: set[int] = set()
        for address, size in ranges:
            if 0 <= address < self.limit and size > 0:
                last = min(address + size, self.limit) - 1
                pages.update(range(address >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1))
        return pages - self._pages.keys() - self._holes.keys()

    def _take(self, wanted: Sequence[int]) -> None:
        gathered = self._memory.gather(_runs(wanted))
        for chunk in gathered.chunks:
            first = -(-chunk.address >> PAGE_SHIFT)
            entry = (chunk.data, chunk.address)
            for page in range(first, (chunk.address + len(chunk.data)) >> PAGE_SHIFT):
                self._pages[page] = entry
        for hole in gathered.holes:
            for page in range(
                hole.address >> PAGE_SHIFT, (hole.address + hole.size + _PAGE_MASK) >> PAGE_SHIFT
            ):
                self._holes.setdefault(page, hole)

    def knows(self, address: int) -> bool:
        """Whether the page of an address was fetched, be it there or a hole."""
        page = address >> PAGE_SHIFT
        return page in self._pages or page in self._holes

    def hole(self, address: int, size: int) -> Hole | None:
        """The first hole in a range that was fetched; one of its own for what can't be an address."""
        if not 0 <= address <= self.limit - size:
            return Hole(address, size, "not an address")
        for page in range(address >> PAGE_SHIFT, ((address + size - 1) >> PAGE_SHIFT) + 1):
            if page in self._holes:
                return self._holes[page]
        return None

    def word(self, address: int) -> int | None:
        """The pointer-sized word at an aligned address; None when its page isn't at hand."""
        data, base = self._pages.get(address >> PAGE_SHIFT, _NOWHERE)
        return self._word(data, address - base)[0] if data else None

    def place(self, address: int) -> tuple[bytes, int]:
        """(bytes, position) with the byte at an address in them; empty bytes when it isn't at hand."""
        data, base = self._pages.get(address >> PAGE_SHIFT, _NOWHERE)
        return data, address - base

    def bytes(self, address: int, size: int) -> bytes | None:
        """The bytes of a range, across chunks where need be; None unless all of it is at hand."""
        data, at = self.place(address)
        if len(data) - at >= size:
            return data[at : at + size]
        parts = []
        while size > 0:
            data, at = self.place(address)
            part = data[at : at + size]
            if not part:
                return None
            parts.append(part)
            address, size = address + len(part), size - len(part)
        return b"".join(parts)


def _runs(pages: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted page numbers as (address, size) of unbroken runs."""
    runs: list[tuple[int, int]] = []
    first = previous = pages[0]
    for page in pages[1:]:
        if page != previous + 1:
            runs.append((first << PAGE_SHIFT, (previous + 1 - first) << PAGE_SHIFT))
            first = page
        previous = page
    runs.append((first << PAGE_SHIFT, (previous + 1 - first) << PAGE_SHIFT))
    return runs


def around(address: int, size: int) -> tuple[int, int]:
    """The aligned neighbourhood to read ahead for a single list's next node."""
    first = address & -READ_AHEAD
    return first, max(READ_AHEAD, address + size - first)
