"""Page table entries: ``PTE PHYSICAL FLAGS`` or ``PTE SWAP OFFSET``, a header and a row.

Source in crash: ``translate_pte`` of each architecture (``x86_64_translate_pte()``,
``arm64_translate_pte()``, ...).
"""

from __future__ import annotations

import re

from crashdrive.parsers import grammar as g
from crashdrive.records import Address, Bits, Record


class PageTableEntry(Record, frozen=True, kw_only=True):
    """A page table entry, decoded.

    Of a page in memory: ``physical``, its physical address, and ``flags`` by name; no flag where crash says
    ``no mapping``. Of a page that is swapped out: ``swap``, the device, and ``swap_offset`` in pages. Of
    sparc64 there are flags alone. ``flags`` is ``INVALID`` for an entry that s390 calls invalid.
    """

    pte: Bits
    physical: Address | None = None
    flags: tuple[str, ...] = ()
    swap: str | None = None
    swap_offset: int | None = None


def table_entry() -> g.ParserElement:
    """A header and its row, of either kind."""
    (mapped, row), (swapped, other) = mapped_entry(), swapped_entry()
    return g.Suppress(mapped) + row | g.Suppress(swapped) + other


def mapped_entry() -> tuple[g.Terminal, g.Terminal]:
    """The header and the row. On s390 crash ends no row: the next entry's header stands in the same line::

          PTE         PHYSICAL   FLAGS
    8000000000000063         0   (PRESENT|RW|ACCESSED|DIRTY|NX)
    """
    row = g.Terminal(
        r"[ \t]*+([0-9a-f]{1,16}+) ++([0-9a-f]{1,16}+) ++\(([^()\n]*+)\)"
        r"(?:[ \t]*+(?:\n|\Z)|(?=PTE ++PHYSICAL))",
        "a page table entry: PTE PHYSICAL (FLAGS)",
        _mapped,
    )
    return _header("PHYSICAL ++FLAGS"), row


def swapped_entry() -> tuple[g.Terminal, g.Terminal]:
    """The header and the row::

      PTE      SWAP       OFFSET
    13f600  /dev/dm-1      5110
    """
    row = g.Terminal(
        r"[ \t]*+([0-9a-f]{1,16}+) ++([^\s](?:[^\n]{0,4096}?[^\s])??) ++(\d{1,20}|[0-9a-f]{1,16})"
        r"[ \t]*+(?:\n|\Z)",
        "a page table entry: PTE SWAP OFFSET",
        lambda row: PageTableEntry(pte=int(row[1], 16), swap=row[2], swap_offset=swap_offset(row[3])),
    )
    return _header("SWAP ++OFFSET"), row


def _header(titles: str) -> g.Terminal:
    name = f"the header PTE {titles.replace(' ++', ' ')}"
    return g.Terminal(rf"[ \t]*+PTE ++{titles}[ \t]*+(?:\n|\Z)", name, lambda found: found.start())


def swap_offset(text: str) -> int:
    """The offset on a swap device in pages: crash prints it in decimal, for kernels 2.4 in hexadecimal.

    The text doesn't tell the kernel: a number without letters is taken as decimal.
    """
    return int(text) if text.isdecimal() else int(text, 16)


def _mapped(match: re.Match[str]) -> PageTableEntry:
    flags = () if match[3] == "no mapping" else tuple(flag for flag in re.split(r"[| ]", match[3]) if flag)
    return PageTableEntry(pte=int(match[1], 16), physical=int(match[2], 16), flags=flags)
