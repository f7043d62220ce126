"""Page table entries: ``PTE PHYSICAL FLAGS`` or ``PTE SWAP OFFSET``, a header and a row.

Source in crash: ``translate_pte`` of each architecture (``x86_64_translate_pte()``,
``arm64_translate_pte()``, ...).
"""

from __future__ import annotations

import re

from crashdrive.records import Address, Bits, Record


class PageTableEntry(Record, frozen=True, kw_only=True):
    """What a page table entry says.

    ``physical``: the page's physical address and ``flags`` by name, none of them without a mapping; or
    ``swap``: the device and ``swap_offset`` in pages of a page that is swapped out. sparc64 shows the flags
    alone; of an entry that s390 calls invalid ``flags`` is ``INVALID``.
    """

    pte: Bits
    physical: Address | None = None
    flags: tuple[str, ...] = ()
    swap: str | None = None
    swap_offset: int | None = None


HEADER = re.compile(r"[ \t]*PTE +(PHYSICAL +FLAGS|SWAP +OFFSET)[ \t]*")
_MAPPED = re.compile(r"[ \t]*([0-9a-f]{1,16}) +([0-9a-f]{1,16}) +\(([^()\n]*)\)[ \t]*")
_SWAPPED = re.compile(r"[ \t]*([0-9a-f]{1,16}) +(\S(?:.*?\S)?) +(\d{1,20}|[0-9a-f]{1,16})[ \t]*")


def swap_offset(text: str) -> int:
    """An offset on a swap device: crash prints it in decimal, for kernels 2.4 in hexadecimal.

    Digits alone are decimal; which kernel it was, the text doesn't say.
    """
    return int(text) if text.isdecimal() else int(text, 16)


def entry(header: str, line: str) -> PageTableEntry | None:
    """The entry of a row below ``header`` (``PHYSICAL ...`` or ``SWAP ...``); None where it is none."""
    if header.startswith("SWAP"):
        match = _SWAPPED.fullmatch(line)
        if not match:
            return None
        return PageTableEntry(pte=int(match[1], 16), swap=match[2], swap_offset=swap_offset(match[3]))
    match = _MAPPED.fullmatch(line)
    if not match:
        return None
    flags = () if match[3] == "no mapping" else tuple(flag for flag in re.split(r"[| ]", match[3]) if flag)
    return PageTableEntry(pte=int(match[1], 16), physical=int(match[2], 16), flags=flags)
