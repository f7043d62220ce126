"""Page tables of ppc64 with the radix MMU (POWER9 and later): four levels, pages of 4 and of 64 KiB.

Sources: arch/powerpc/include/asm/book3s/64/radix.h, radix-64k.h, pgtable.h; Power ISA 3.0, book III,
"Radix Tree Translation". Entries are big-endian on little-endian kernels, too. The kernel's tables have its
linear map, vmalloc, and page structures; the upper bits of an address, which tell the quadrant, aren't looked
up. With the hash MMU the processor's table isn't of this kind: there is no walk, and crash translates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from crashdrive.dump.linear_map import LINEAR
from crashdrive.kernel.arch.paging import Extent, Hop, Level, Paging, ReadTables
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

_BITS = 52  # of an address that are looked up
_PAGE_SHIFTS = {4096: 12, 65536: 16}
# global, upper and middle directories are alike in both sizes of pages
_UPPER = (Level(39, 13), Level(30, 9), Level(21, 9))
_VALID, _LEAF = 1 << 63, 1 << 62
_SPLITTING = 1 << 61  # software's: a large page that is being taken apart (_PAGE_INVALID) is there
_PLACE = (1 << 57) - (1 << 12)
_TABLE = (1 << 60) - (1 << 8)
_NEXT_BITS = 0x1F  # of an entry that leads to a table: the base 2 logarithm of its entries
_MOST_PHYSICAL = 1 << 57


class Tables(Paging):
    """The tables of kernel addresses, or with ``user`` those of a process; ``page_shift``: of pages."""

    def __init__(self, root: int, read: ReadTables, *, page_shift: int = 16, user: bool = False) -> None:
        self._page_shift, self._user = page_shift, user
        super().__init__(root, read, (*_UPPER, Level(page_shift, 21 - page_shift)), order=">")

    @classmethod
    def of_kernel(cls, info: Mapping[str, str], read: ReadTables) -> Self | None:
        """The kernel's own, as VMCOREINFO tells them; None where it doesn't, and with the hash MMU."""
        root = physical(_number(info.get("SYMBOL(swapper_pg_dir)")))
        page_shift = _PAGE_SHIFTS.get(int(text) if (text := info.get("PAGESIZE", "")).isdecimal() else 0)
        if root is None or root % PAGE or page_shift is None or info.get("NUMBER(RADIX_MMU)") == "0":
            return None
        tables = cls(root, read, page_shift=page_shift)
        # before a crash runs, whether there may be tables is asked with a reader that has no page
        if not read([root >> PAGE_SHIFT]):
            return tables
        # not all kernels tell their MMU; with hash the linear map isn't in the kernel's tables
        first = Extent(LINEAR >> PAGE_SHIFT, 0, 1)
        return tables if tables.translate([first.page])[0] == [first] else None

    def below(self, root: int) -> Self:
        """See `Paging.below`: those of user addresses."""
        return type(self)(root, self._read, page_shift=self._page_shift, user=True)

    def _is_address(self, page: int) -> bool:
        above = page >> _BITS - PAGE_SHIFT
        return above == (0 if self._user else LINEAR >> _BITS)

    def _follow(self, entry: int, level: int) -> Hop:
        if not level or entry & _LEAF:
            there = entry & _VALID or (level and entry & _SPLITTING)
            if not there:
                return Hop()
            if not entry & _LEAF:
                return Hop(reason="not mapped: an entry of another kind of table")
            within = (1 << self._levels[-1 - level].shift) - 1
            return Hop(memory=entry & _PLACE & ~within)
        if not entry & _VALID:
            return Hop()
        if entry & _NEXT_BITS != self._levels[-level].bits:
            return Hop(reason="not mapped: an entry of another kind of table")
        return Hop(table=entry & _TABLE)


def physical(address: int | None) -> int | None:
    """Where an address of the linear map lies; None for others."""
    if address is None or not LINEAR <= address < LINEAR + _MOST_PHYSICAL:
        return None
    return address - LINEAR


def _number(text: str | None) -> int | None:
    return int(text, 16) if text and re.fullmatch(r"(0x)?[0-9a-f]{1,16}", text) else None
