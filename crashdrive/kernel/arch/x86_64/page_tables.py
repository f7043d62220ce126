"""Page tables of x86-64, with four or five levels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from crashdrive.kernel.arch.paging import Hop, Level, Paging, ReadTables
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

_TEXT = 0xFFFFFFFF80000000  # where the kernel's image is mapped, without KASLR's offset
_INDEX_BITS = 9
_PRESENT, _LARGE = 1, 1 << 7
_FRAME = ((1 << 52) - 1) & -PAGE
_MOST_LARGE = 2  # the level of 1 GiB


class Tables(Paging):
    """``levels`` of tables below a root; ``encrypted``: bits of an entry that are no address (SME)."""

    def __init__(self, root: int, read: ReadTables, *, levels: int = 4, encrypted: int = 0) -> None:
        shifts = range(PAGE_SHIFT + _INDEX_BITS * (levels - 1), PAGE_SHIFT - 1, -_INDEX_BITS)
        super().__init__(root, read, [Level(shift, _INDEX_BITS) for shift in shifts])
        self._encrypted = encrypted
        self._frame = _FRAME & ~encrypted
        self._page_bits = levels * _INDEX_BITS
        self._upper = (1 << (64 - PAGE_SHIFT - self._page_bits + 1)) - 1

    @classmethod
    def of_kernel(cls, info: Mapping[str, str], read: ReadTables) -> Self | None:
        """The kernel's own, as VMCOREINFO tells them; None where it doesn't."""
        top = info.get("SYMBOL(init_top_pgt)") or info.get("SYMBOL(swapper_pg_dir)") or ""
        base = info.get("NUMBER(phys_base)", "")
        if not re.fullmatch(r"[0-9a-f]{16}", top) or not re.fullmatch(r"-?\d{1,19}", base):
            return None
        root = int(top, 16) - _TEXT + int(base)
        if not 0 <= root < 1 << 52:
            return None
        levels = 5 if info.get("NUMBER(pgtable_l5_enabled)") == "1" else 4
        mask = info.get("NUMBER(sme_mask)", "0")
        return cls(root, read, levels=levels, encrypted=int(mask) if mask.isdecimal() else 0)

    def below(self, root: int) -> Self:
        """See `Paging.below`."""
        return type(self)(root, self._read, levels=len(self._levels), encrypted=self._encrypted)

    def _is_address(self, page: int) -> bool:
        """Whether the upper bits are all alike, as the processor demands."""
        return page >> (self._page_bits - 1) in {0, self._upper}

    def _follow(self, entry: int, level: int) -> Hop:
        if not entry & _PRESENT:
            return Hop()
        place = entry & self._frame
        if not level:
            return Hop(None, place)
        if not (entry & _LARGE and level <= _MOST_LARGE):
            return Hop(place)
        within = (1 << PAGE_SHIFT + level * _INDEX_BITS) - 1
        return Hop(None, place & ~within)
