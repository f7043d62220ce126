"""``KEY: value`` blocks, as ``kmem -V``, ``sys``, ``mach`` and ``help -k`` print them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from crashdrive.parsers.base import Source
from crashdrive.records import Record

# A key never begins with a blank and holds no colon. Possessive: a line is scanned once.
_LINE = re.compile(r"( *+)([^\s:][^:\n]{0,120}?) ?:(?: (.*)|)", re.DOTALL)


class KeyValue(Record, frozen=True):
    """One line of a block: the key as crash writes it, the value without its surrounding blanks."""

    key: str
    value: str


def split_pair(line: str) -> KeyValue | None:
    """``  KEY: value`` taken apart at the first colon; None when the line has none."""
    found = _LINE.fullmatch(line)
    return KeyValue(key=found[2], value=(found[3] or "").strip(" ")) if found else None


def pairs(source: Source, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, KeyValue]]:
    """(offset, pair) of each line that isn't blank; any other line is rejected."""
    for offset, line in lines:
        if not line.strip(" "):
            continue
        pair = split_pair(line)
        if pair is None:
            source.reject(offset, "no line of the form KEY: value")
        else:
            yield offset, pair
