"""From virtual to physical pages by the kernel's own page tables: x86-64, with four or five levels.

crash translates by itself, and is the one to ask. But where it was started without its tables
(`Session.minimal`) it takes addresses of modules and of vmalloc for others, without a word; and it has no way
to the memory of a task that it doesn't know. All that a walk needs stands in VMCOREINFO. Each level of all
addresses is one round trip; tables that were read are kept.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

_X86_64 = "62"  # ELF's number of the machine
_TEXT = 0xFFFFFFFF80000000  # where the kernel's image is mapped, without KASLR's offset
_INDEX_BITS = 9
_ENTRIES = 1 << _INDEX_BITS
_PRESENT, _LARGE = 1, 1 << 7
_FRAME = ((1 << 52) - 1) & -PAGE
_WORDS = struct.Struct(f"<{_ENTRIES}Q").unpack
# read(physical page numbers, sorted) -> page number and its 4,096 bytes, or why they are missing
ReadTables = Callable[[Sequence[int]], Mapping[int, bytes | str]]


def is_known(machine: str | None, info: Mapping[str, str]) -> bool:
    """Whether a dump's kernel has page tables that can be walked here."""
    return Paging.of_kernel(machine, info, lambda _pages: {}) is not None


class Extent(NamedTuple):
    """``size`` pages from virtual page ``page`` on that lie at physical page ``frame`` and behind it."""

    page: int
    frame: int
    size: int


class Unmapped(NamedTuple):
    """A virtual page that leads nowhere, and why."""

    page: int
    reason: str


class _Hop(NamedTuple):
    """The next table's page number, or the page's own; ``reason``: why there is neither."""

    table: int | None
    frame: int | None
    reason: str


class Paging:
    """The page tables below one root (a physical address); ``levels`` of them.

    ``encrypted``: the bits of an entry that are no part of the address (SME).
    """

    def __init__(self, root: int, read: ReadTables, *, levels: int = 4, encrypted: int = 0) -> None:
        self._root = root >> PAGE_SHIFT
        self._read = read
        self._levels = levels
        self._frame = _FRAME & ~encrypted
        self._tables: dict[int, tuple[int, ...] | str] = {}

    @classmethod
    def of_kernel(cls, machine: str | None, info: Mapping[str, str], read: ReadTables) -> Self | None:
        """The kernel's own, as VMCOREINFO tells them; None where it doesn't, or for another machine."""
        top = info.get("SYMBOL(init_top_pgt)") or info.get("SYMBOL(swapper_pg_dir)") or ""
        base = info.get("NUMBER(phys_base)", "")
        if (
            machine != _X86_64
            or not re.fullmatch(r"[0-9a-f]{16}", top)
            or not re.fullmatch(r"-?\d{1,19}", base)
        ):
            return None
        root = int(top, 16) - _TEXT + int(base)
        if not 0 <= root < 1 << 52:
            return None
        levels = 5 if info.get("NUMBER(pgtable_l5_enabled)") == "1" else 4
        mask = info.get("NUMBER(sme_mask)", "0")
        return cls(root, read, levels=levels, encrypted=int(mask) if mask.isdecimal() else 0)

    def below(self, root: int) -> Paging:
        """The tables below another root, such as those of a process."""
        return Paging(root, self._read, levels=self._levels, encrypted=_FRAME & ~self._frame)

    def translate(self, pages: Sequence[int]) -> tuple[list[Extent], list[Unmapped]]:
        """Sorted virtual page numbers: where they lie, neighbours in one, and those that lie nowhere."""
        # the table that each page's way has come to; a large page ends a way early
        way: dict[int, int] = dict.fromkeys(self._canonical(pages), self._root)
        found: dict[int, int] = {}
        lost = [Unmapped(page, "not an address") for page in pages if page not in way]
        for level in range(self._levels - 1, -1, -1):
            self._load(set(way.values()))
            way = dict(self._step(way, level, found, lost))
        return list(_joined(sorted(found.items()))), sorted(lost)

    def frames(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int | str]:
        """Physical page numbers of virtual ones below many roots (physical addresses), or why there is none.

        ``wanted``: (root, virtual page number). Each level of all of them is one round trip.
        """
        found: dict[tuple[int, int], int | str] = {}
        ways = {key: key[0] >> PAGE_SHIFT for key in wanted}
        for level in range(self._levels - 1, -1, -1):
            self._load(set(ways.values()))
            below: dict[tuple[int, int], int] = {}
            for key, number in ways.items():
                hop = self._hop(key[1], number, level)
                if hop.table is None:
                    found[key] = hop.reason if hop.frame is None else hop.frame
                else:
                    below[key] = hop.table
            ways = below
        return found

    def _canonical(self, pages: Iterable[int]) -> Iterator[int]:
        """Those whose upper bits are all alike, as the processor demands."""
        bits = self._levels * _INDEX_BITS
        upper = (1 << (64 - PAGE_SHIFT - bits + 1)) - 1
        return (page for page in pages if page >> (bits - 1) in {0, upper})

    def _step(
        self, way: Mapping[int, int], level: int, found: dict[int, int], lost: list[Unmapped]
    ) -> Iterator[tuple[int, int]]:
        """One level down: the pages that go on, with their next table."""
        for page, number in way.items():
            hop = self._hop(page, number, level)
            if hop.table is not None:
                yield page, hop.table
            elif hop.frame is not None:
                found[page] = hop.frame
            else:
                lost.append(Unmapped(page, hop.reason))

    def _hop(self, page: int, number: int, level: int) -> _Hop:
        """Where a page's entry in a table leads: to the next table, or to where the page lies."""
        table, shift = self._tables[number], level * _INDEX_BITS
        if isinstance(table, str):
            return _Hop(None, None, f"its page table is {table}")
        entry = table[page >> shift & _ENTRIES - 1]
        if not entry & _PRESENT:
            return _Hop(None, None, "not mapped")
        if level and not (entry & _LARGE and level <= 2):
            return _Hop((entry & self._frame) >> PAGE_SHIFT, None, "")
        within = (1 << shift) - 1
        return _Hop(None, ((entry & self._frame) >> PAGE_SHIFT & ~within) | page & within, "")

    def _load(self, numbers: Iterable[int]) -> None:
        missing = sorted(number for number in numbers if number not in self._tables)
        if not missing:
            return
        read = self._read(missing)
        for number in missing:
            data = read[number]
            self._tables[number] = data if isinstance(data, str) else _WORDS(data)


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
