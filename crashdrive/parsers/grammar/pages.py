"""Tables of pages, as ``kmem -p``, ``kmem ADDRESS`` and ``files -p`` print them.

Source in crash: ``dump_mem_map()`` (memory.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.grammar.columns import GAP, HEX, SIGNED, Cell, Column, or_none
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.records import Address, Bits, Record


class Page(Record, frozen=True):
    """A page: addresses of its ``struct page`` and in physical memory, mapping, index, count, flags.

    Kernels 2.2 have ``inode`` and ``offset`` in place of mapping and index. ``flags`` is None where crash
    prints names alone. A value that crash couldn't read is None.
    """

    page: Address
    physical: Address
    mapping: Address | None = None
    index: Bits | None = None
    inode: Address | None = None
    offset: int | None = None
    cnt: int | None = None
    flags: Bits | None = None
    flag_names: tuple[str, ...] = ()


_DASHES = r"-{5,7}"
_FLAGS = r"[0-9A-Za-z_\[][0-9A-Za-z_,\[\] ]{0,600}?"


def page_table(what: str, **more: Any) -> g.ParserElement:
    """``more``: as `table` has it::

          PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS
    fffff197400a4100  2904000 dead000000000400        0  0 fffffc0000000
    """
    # crash prints only the addresses of a page whose struct page isn't mapped
    unmapped = g.Row(
        rf"([0-9a-f]{{8,16}}+){GAP}([0-9a-f]{{1,16}}+)(?:{GAP}([a-z_]{{1,64}}+(?:,[a-z_]{{1,64}}+){{0,40}}+))?",
        _unmapped,
        f"a row of {what}: PAGE PHYSICAL",
    )
    return g.table(
        Page,
        Column("PAGE", "page", HEX),
        Column("PHYSICAL", "physical", HEX),
        Column("MAPPING", "mapping", or_none(HEX, _DASHES)),
        Column("INDEX", "index", or_none(HEX, _DASHES)),
        Column("INODE", "inode", HEX),
        Column("OFFSET", "offset", HEX),
        Column("CNT", "cnt", SIGNED),
        Column("FLAGS", "words", Cell(_FLAGS), blank=True),
        derived=(Derived(("flags", "flag_names"), of=("words",), by=_flags),),
        required=("PAGE", "PHYSICAL", "CNT", "FLAGS"),
        what=what,
        also=unmapped,
        **more,
    )


def _unmapped(row: re.Match[str]) -> Page:
    flags, names = _flags(row[3])
    return Page(page=int(row[1], 16), physical=int(row[2], 16), flags=flags, flag_names=names)


def _flags(text: str | None) -> tuple[int | None, tuple[str, ...]]:
    """``82c referenced,uptodate``, ``800`` or, before 2.4.10, names alone."""
    if text is None:
        return None, ()
    number, _, names = text.partition(" ")
    if re.fullmatch(r"[0-9a-f]{1,16}", number):
        return int(number, 16), tuple(names.strip().split(",")) if names.strip() else ()
    return None, tuple(text.split(","))
