"""Page tables of s390x: two to five levels, which the tables themselves tell.

Sources: arch/s390/include/asm/pgtable.h; z/Architecture Principles of Operation, "Dynamic Address
Translation". Region and segment tables have 2,048 entries, page tables 256. The type of a region's entry is
that of its table, also where it is empty; so the first table met tells how many levels there are, and a
process has as many as its largest address needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from crashdrive.kernel.arch.paging import Hop, Level, Paging, ReadTables

# region first, second and third, segment, page
_LEVELS = (Level(53, 11), Level(42, 11), Level(31, 11), Level(20, 11), Level(12, 8))
_TABLE = (1 << 14) - 1  # of a region or segment table
_ENTRY = 8
_TYPE_SHIFT, _TYPES = 2, 3
_INVALID, _LARGE = 0x20, 0x400  # of an entry above pages
_PAGE_INVALID = 0x400
_PRESENT = 1  # software's: what is old is invalid for the processor, and is there
_PLACE = (1 << 64) - (1 << 12)
_PAGE_TABLE = (1 << 64) - (1 << 11)
_MOST_PHYSICAL = 1 << 53


class Tables(Paging):
    """The tables of kernel addresses, or those of a process: each is an address space of its own."""

    def __init__(self, root: int, read: ReadTables) -> None:
        super().__init__(root, read, _LEVELS, order=">")

    @classmethod
    def of_kernel(cls, info: Mapping[str, str], read: ReadTables) -> Self | None:
        """The kernel's own, as VMCOREINFO tells them; None where it doesn't.

        The image lies at its physical address up to 6.9; since 6.10 (c98d2ecae08f) KERNELOFFPHYS is what
        KERNELOFFSET is there.
        """
        top = _number(info.get("SYMBOL(swapper_pg_dir)"))
        if top is None:
            return None
        if "KERNELOFFPHYS" in info:
            virtual, physical = _number(info.get("KERNELOFFSET")), _number(info["KERNELOFFPHYS"])
            if virtual is None or physical is None:
                return None
            top += physical - virtual
        if top & _TABLE or not 0 <= top < _MOST_PHYSICAL:
            return None
        return cls(top, read)

    def below(self, root: int) -> Self:
        """See `Paging.below`."""
        return type(self)(root, self._read)

    def _is_address(self, page: int) -> bool:  # noqa: ARG002 - five levels are for all addresses
        return True

    def _hop(self, place: int, level: int) -> Hop:
        """A table that is of a lower level is met again there, for addresses that don't exceed it."""
        words = self._tables[place >> 12]
        if level and not isinstance(words, str):
            entry = words[place % 4096 // _ENTRY]
            if entry and entry >> _TYPE_SHIFT & _TYPES < level - 1:
                return Hop(reason="not an address") if place & _TABLE else Hop(table=place)
        return super()._hop(place, level)

    def _follow(self, entry: int, level: int) -> Hop:
        if not level:
            there = entry & _PRESENT or not entry & _PAGE_INVALID
            return Hop(memory=entry & _PLACE) if entry and there else Hop()
        if entry >> _TYPE_SHIFT & _TYPES != level - 1:
            return Hop(reason="not mapped: an entry of another kind of table")
        if entry & _LARGE and level <= 2:
            within = (1 << _LEVELS[-1 - level].shift) - 1
            there = entry & _PRESENT or not entry & _INVALID
            return Hop(memory=entry & _PLACE & ~within) if there else Hop()
        if not entry or entry & _INVALID:
            return Hop()
        return Hop(table=entry & (_PAGE_TABLE if level == 1 else _PLACE))


def _number(text: str | None) -> int | None:
    return int(text, 16) if text and re.fullmatch(r"(0x)?[0-9a-f]{1,16}", text) else None
