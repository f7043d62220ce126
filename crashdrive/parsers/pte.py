"""``pte``: what a page table entry says.

Source in crash: ``cmd_pte()`` (memory.c), ``translate_pte`` of each architecture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.ptes import HEADER, PageTableEntry, entry
from crashdrive.records import Record

OPTSTRING = ""
EXAMPLES = ("pte d8e067", "pte 13f600", "pte 0", "pte 8000000000000063 d8e067", "pte zz")

__all__ = ["EXAMPLES", "OPTSTRING", "SHAPES", "PageTableEntry", "Record"]

# s390 ends no row: the next entry's header, if there is one, stands in the same line.
_GLUED = re.compile(r"([^\n()]*\([^\n()]*\))(PTE +PHYSICAL +FLAGS[ ]*)")
# These name no entry: s390 of one that isn't valid, sparc64 of one that is (of others it says nothing).
_INVALID = "PTE is invalid"
_FLAGS = re.compile(r"((?:[A-Z][A-Za-z]{2,20}\|){0,9}\|?)(PageSize\([A-Za-z0-9 ]{1,16}\))[ ]*")


def _parse(source: Source) -> Sequence[PageTableEntry]:
    records: list[PageTableEntry] = []
    header = ""
    for offset, line in _lines(source):
        if not line.strip() and not header:
            continue
        match = HEADER.fullmatch(line)
        found = entry(header, line) if header else _unnamed(source, line, len(records))
        if match and not header:
            header = match[1]
        elif found:
            records.append(found)
            header = ""
        else:
            source.reject(offset, "no page table entry")
    if not records or header:
        source.fail(len(source.text), "expected a page table entry")
    if any(row.physical is None and row.swap is None for row in records):
        _check_count(source, len(records))
    return records


def _lines(source: Source) -> list[tuple[int, str]]:
    """The lines, those of s390 apart where it lets them run together."""
    found: list[tuple[int, str]] = []
    for offset, line in source.lines():
        glued = _GLUED.fullmatch(line)
        parts = glued.groups() if glued else (line,)
        found += [(offset, part) for part in parts]
    return found


def _unnamed(source: Source, line: str, number: int) -> PageTableEntry | None:
    """An entry of which crash shows no value: the one that was asked for in this place."""
    flags = _FLAGS.fullmatch(line)
    asked = source.command.arguments
    if not (flags or line.rstrip() == _INVALID) or number >= len(asked):
        return None
    if not re.fullmatch(r"(?:0x)?[0-9a-fA-F]{1,16}", asked[number]):
        return None
    names = (*(name for name in flags[1].split("|") if name), flags[2]) if flags else ("INVALID",)
    return PageTableEntry(pte=int(asked[number], 16), flags=names)


def _check_count(source: Source, count: int) -> None:
    """Which entry is meant is known only while there is an answer for each."""
    if count != len(source.command.arguments):
        source.fail(0, "not as many entries as were asked for")


SHAPES = (Shape(name="entries", record=PageTableEntry, parse=_parse, options="pte CONTENTS..."),)
