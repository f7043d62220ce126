"""Page tables of arm64: pages of 4, 16 and 64 KiB, addresses of 36 to 52 bits.

Sources: arch/arm64/include/asm/pgtable-hwdef.h, pgtable-prot.h; Documentation/arch/arm64/memory.rst.
VMCOREINFO has TCR_EL1_T1SZ (since 5.10, bbdbc1186b90): how many upper bits the processor doesn't look at.
VA_BITS is what the kernel was built for, which may be more than the processor has (52 on one of 48).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Self

from crashdrive.kernel.arch.paging import Hop, Level, Paging, ReadTables
from crashdrive.kernel.pages import PAGE_SHIFT

_ENTRY_SHIFT = 3
_PAGE_SHIFTS = {4096: 12, 16384: 14, 65536: 16}
_VALID, _TABLE = 1, 2  # of an entry's type: a table above, a page on the last level
_LEAST_BITS, _MOST_BITS = 36, 52
_WORD = (1 << 64) - 1
_LARGE_ADDRESSES = 52  # physical: ARM64_PA_BITS_52
_KERNEL_HALF = 1 << 55  # the bit of an address that says which tables are looked up
_TOP_BYTE = 0xFF << 56  # ignored by the processor where tags are (TBI)


class Tables(Paging):
    """The tables of kernel addresses, or with ``user`` those of a process.

    ``page_shift``: of the machine's pages; ``bits``: of an address; ``built``: those that the top table
    is made for; ``large``: physical addresses of 52 bits.
    """

    def __init__(
        self,
        root: int,
        read: ReadTables,
        *,
        page_shift: int = 12,
        bits: int = 48,
        built: int | None = None,
        large: bool = False,
        user: bool = False,
    ) -> None:
        self._form = page_shift, bits, built, large
        super().__init__(root, read, _levels(page_shift, bits, built or bits))
        self._page_shift, self._bits, self._large, self._user = page_shift, bits, large, user
        self._steps = page_shift - _ENTRY_SHIFT

    @classmethod
    def of_kernel(cls, info: Mapping[str, str], read: ReadTables) -> Self | None:
        """The kernel's own, as VMCOREINFO tells them; None where it doesn't."""
        top, offset = info.get("SYMBOL(swapper_pg_dir)", ""), info.get("NUMBER(kimage_voffset)", "")
        page_shift = _PAGE_SHIFTS.get(_number(info.get("PAGESIZE")) or 0)
        built = _number(info.get("NUMBER(VA_BITS)"))
        size = _number(info.get("NUMBER(TCR_EL1_T1SZ)"))
        if not re.fullmatch(r"[0-9a-f]{16}", top) or not re.fullmatch(r"(0x)?[0-9a-f]{1,16}", offset):
            return None
        if page_shift is None or built is None:
            return None
        bits = built if size is None else 64 - size
        root = (int(top, 16) - int(offset, 16)) & _WORD
        if not _LEAST_BITS <= bits <= built <= _MOST_BITS or root >= 1 << _LARGE_ADDRESSES:
            return None
        large = _number(info.get("NUMBER(MAX_PHYSMEM_BITS)")) == _LARGE_ADDRESSES
        return cls(root, read, page_shift=page_shift, bits=bits, built=built, large=large)

    def below(self, root: int) -> Self:
        """See `Paging.below`: those of user addresses."""
        page_shift, bits, built, large = self._form
        return type(self)(
            root, self._read, page_shift=page_shift, bits=bits, built=built, large=large, user=True
        )

    def _is_address(self, page: int) -> bool:
        """Whether all bits above the address are those of its half; the top byte may hold a tag."""
        address = page << PAGE_SHIFT
        if bool(address & _KERNEL_HALF) is self._user:
            return False
        plain = address & ~_TOP_BYTE if self._user else address | _TOP_BYTE
        return plain >> self._bits == (0 if self._user else (1 << 64 - self._bits) - 1)

    def _follow(self, entry: int, level: int) -> Hop:
        """Blocks are allowed on all levels above the last: no kernel makes one that the processor refuses."""
        if not entry & _VALID:
            return Hop()
        place = self._place(entry)
        if level == 0:
            return Hop(memory=place) if entry & _TABLE else Hop(reason="not mapped: a reserved entry")
        if entry & _TABLE:
            return Hop(table=place)
        within = (1 << self._page_shift + level * self._steps) - 1
        return Hop(memory=place & ~within)

    def _place(self, entry: int) -> int:
        """The physical address in an entry; its bits from 48 on lie elsewhere, by the size of pages."""
        if not self._large:
            return entry & (1 << 48) - (1 << self._page_shift)
        if self._page_shift == _PAGE_SHIFTS[65536]:
            return entry & (1 << 48) - (1 << 16) | (entry >> 12 & 0xF) << 48
        return entry & (1 << 50) - (1 << self._page_shift) | (entry >> 8 & 3) << 50


def _levels(page_shift: int, bits: int, built: int) -> Sequence[Level]:
    """The levels from the top on.

    Where the top table has more entries than the processor uses, and no more levels, the kernel's addresses
    are at its end (TTBR1_BADDR_4852_OFFSET): so they are looked up as in a table of all of them.
    """
    step = page_shift - _ENTRY_SHIFT
    count = -(-(bits - page_shift) // step)
    same = -(-(built - page_shift) // step) == count
    top = page_shift + step * (count - 1)
    wide = (built if same else bits) - top
    return [Level(top, wide), *(Level(shift, step) for shift in range(top - step, page_shift - 1, -step))]


def _number(text: str | None) -> int | None:
    return int(text, 0) if text and re.fullmatch(r"\d{1,10}|0x[0-9a-f]{1,10}", text) else None
