"""The memory that one computation has at hand: whole pages, fetched in rounds.

Walks and column readers look words up here and collect what is missing; `Window.fetch` gets all of it in
one round trip. Nothing here asks crash by itself, so that it stays visible where a round trip happens.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Sequence

from crashdrive.kernel.memory.bulk import Hole, Memory
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT, runs_of

# no bytes, and nothing is near them: not even a negative address, as container_of of a small number gives
NOWHERE = (b"", -(1 << 80))
_PAGE_MASK = PAGE - 1
_LONGEST = 1 << 40
# A single list can only be read ahead of: slabs of up to 32 kB hold its nodes beside each other.
READ_AHEAD = 8 * PAGE
# No more bytes than these are held at once: 39,500 sockets lie in 92 MB of slabs.
BUDGET = 16 << 20
# No walk takes longer than this many seconds: what damage leads to may have no end that matters.
WALK_SECONDS = 120.0


class Window:
    """Pages by number, and the holes met while fetching them.

    4096 is the unit of bookkeeping, not the target's page size: larger pages are simply several of these.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        pointer_size: int = 8,
        byte_order: str = "little",
        walk_seconds: float = WALK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.walk_seconds = walk_seconds
        self.clock = clock
        self._memory = memory
        self._ahead = READ_AHEAD if memory.reads_ahead else PAGE
        self.pages: dict[int, tuple[bytes, int]] = {}
        self._holes: dict[int, Hole] = {}
        self.pointer_size = pointer_size
        self.order = "<" if byte_order == "little" else ">"
        self.unpack = struct.Struct(f"{self.order}{'Q' if pointer_size == 8 else 'I'}").unpack_from
        self.limit = 1 << (8 * pointer_size)

    @property
    def held(self) -> int:
        """How many bytes are at hand."""
        return len(self.pages) << PAGE_SHIFT

    def drop(self) -> None:
        """Forget all pages and holes."""
        self.pages.clear()
        self._holes.clear()

    def fetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have the pages of all (address, size) at hand, in one round trip; holes are remembered."""
        self.fetch_pages(self.pages_of(ranges))

    def fetch_pages(self, pages: set[int]) -> None:
        """Have pages at hand by their numbers."""
        last = (self.limit - 1) >> PAGE_SHIFT
        wanted = sorted(page for page in pages - self.pages.keys() - self._holes.keys() if 0 <= page <= last)
        if wanted:
            self._take(wanted)

    def pages_of(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        """The numbers of the pages that (address, size) touch."""
        pages: set[int] = set()
        for address, size in ranges:
            first, last = address >> PAGE_SHIFT, (address + size - 1) >> PAGE_SHIFT
            pages.add(first)
            if last != first:
                pages.update(range(first + 1, last + 1))
        return pages

    def _take(self, wanted: Sequence[int]) -> None:
        runs = runs_of(wanted, 0, _LONGEST)
        gathered = self._memory.gather([(first << PAGE_SHIFT, size << PAGE_SHIFT) for first, size in runs])
        for chunk in gathered.chunks:
            first = -(-chunk.address >> PAGE_SHIFT)
            entry = (chunk.data, chunk.address)
            for page in range(first, (chunk.address + len(chunk.data)) >> PAGE_SHIFT):
                self.pages[page] = entry
        for hole in gathered.holes:
            for page in range(
                hole.address >> PAGE_SHIFT, (hole.address + hole.size + _PAGE_MASK) >> PAGE_SHIFT
            ):
                self._holes.setdefault(page, hole)

    def knows(self, address: int) -> bool:
        """Whether the page of an address was fetched, be it there or a hole."""
        page = address >> PAGE_SHIFT
        return page in self.pages or page in self._holes

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
        data, base = self.pages.get(address >> PAGE_SHIFT, NOWHERE)
        return self.unpack(data, address - base)[0] if data else None

    def words(self, addresses: Sequence[int]) -> Sequence[int | None]:
        """The words at aligned addresses, fetched first; many at once where these are a close range."""
        size = self.pointer_size
        if isinstance(addresses, range) and len(addresses) > 1 and addresses.step in range(size, PAGE, size):
            span = addresses[-1] + size - addresses[0]
            self.fetch([(addresses[0], span)])
            raw = self.bytes(addresses[0], span)
            if raw is not None:
                letter = "Q" if size == 8 else "I"
                return struct.unpack(f"{self.order}{span // size}{letter}", raw)[:: addresses.step // size]
        self.fetch((address, size) for address in addresses)
        return [self.word(address) for address in addresses]

    def place(self, address: int) -> tuple[bytes, int]:
        """(bytes, position) with the byte at an address in them; empty bytes when it isn't at hand."""
        data, base = self.pages.get(address >> PAGE_SHIFT, NOWHERE)
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

    def around(self, address: int, size: int) -> tuple[int, int]:
        """The aligned neighbourhood to read ahead for a single list's next node."""
        first = address & -self._ahead
        return first, max(self._ahead, address + size - first)
