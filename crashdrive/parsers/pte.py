"""``pte``: page table entries, decoded.

Source in crash: ``cmd_pte()`` (memory.c), ``translate_pte`` of each architecture.

As crash prints it::

    crash> pte 0
    PTE  PHYSICAL  FLAGS
     0       0     (no mapping)
"""

from __future__ import annotations

import re
from typing import NamedTuple

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.ptes import PageTableEntry, table_entry
from crashdrive.records import Record

__all__ = ["EXAMPLES", "SHAPES", "PageTableEntry", "Record"]


class _Unnamed(NamedTuple):
    """An entry whose value crash doesn't print."""

    place: int
    flags: tuple[str, ...]


def _entries() -> g.ParserElement:
    """A header and a row for each entry (`table_entry`); on s390 and sparc64 a line may lack the entry's
    value::

    PTE is invalid
    VALID|WRITE|PageSize(8K)
    """
    flags = g.Row(
        r"((?:[A-Z][A-Za-z]{2,20}+\|){0,9}+\|?)(PageSize\([A-Za-z0-9 ]{1,16}+\))",
        lambda row: _Unnamed(row.start(), (*(name for name in row[1].split("|") if name), row[2])),
        "flags of an entry: FLAG|PageSize(SIZE)",
    )
    invalid = g.Row("PTE is invalid", lambda row: _Unnamed(row.start(), ("INVALID",)), "PTE is invalid")
    entry = (table_entry() | flags | invalid).set_name("a page table entry")
    return g.made(g.Many(entry, least=0), _named)


def _named(text: g.Text, _place: int, found: list[PageTableEntry | _Unnamed]) -> list[PageTableEntry]:
    """The entries; one without a value gets that of the argument at its place."""
    asked = text.source.command.arguments
    entries: list[PageTableEntry] = []
    for number, one in enumerate(found):
        if isinstance(one, PageTableEntry):
            entries.append(one)
        elif number < len(asked) and re.fullmatch(r"(?:0x)?[0-9a-fA-F]{1,16}", asked[number]):
            entries.append(PageTableEntry(pte=int(asked[number], 16), flags=one.flags))
        else:
            text.misfit(one.place, "a page table entry that wasn't asked for")
    return entries


def _check(source: Source, found: list[PageTableEntry]) -> list[PageTableEntry]:
    """The entries. Those without a value need an answer for each argument: else which entry is meant isn't
    known.
    """
    demand_records(source, found, "no page table entry")
    unnamed = any(row.physical is None and row.swap is None for row in found)
    if unnamed and len(found) != len(source.command.arguments):
        source.fail(0, "not as many entries as were asked for")
    return found


SHAPES = (
    Shape(name="entries", record=PageTableEntry, grammar=_entries, finish=_check, options="pte CONTENTS..."),
)

EXAMPLES = ("pte d8e067", "pte 13f600", "pte 0", "pte 8000000000000063 d8e067", "pte zz")
