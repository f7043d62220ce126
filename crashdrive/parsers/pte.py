"""``pte``: what a page table entry says.

Source in crash: ``cmd_pte()`` (memory.c), ``translate_pte`` of each architecture.
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.ptes import HEADER, PageTableEntry, entry
from crashdrive.records import Record

OPTSTRING = ""
EXAMPLES = ("pte d8e067", "pte 13f600", "pte 0", "pte 8000000000000063 d8e067", "pte zz")

__all__ = ["EXAMPLES", "OPTSTRING", "SHAPES", "PageTableEntry", "Record"]


def _parse(source: Source) -> Sequence[PageTableEntry]:
    records: list[PageTableEntry] = []
    header = ""
    for offset, line in source.lines():
        if not line.strip() and not header:
            continue
        match = HEADER.fullmatch(line)
        found = entry(header, line) if header else None
        if match and not header:
            header = match[1]
        elif found:
            records.append(found)
            header = ""
        else:
            source.reject(offset, "no page table entry")
    if not records or header:
        source.fail(len(source.text), "expected a page table entry")
    return records


SHAPES = (Shape(name="entries", record=PageTableEntry, parse=_parse, options="pte CONTENTS..."),)
