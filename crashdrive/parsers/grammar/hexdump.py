"""Memory as ``rd`` and ``struct -r`` show it: ``ADDR:  WORD WORD   ascii``.

Each row carries its address, words of one width and, unless decimal or symbolic, the same bytes as
characters: words and characters are held against each other, so that a damaged row can't pass.

Source in crash: ``display_memory()`` (memory.c).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Address, Bits, Record


class Words(Record, frozen=True):
    """A row of words of ``width`` bytes each, in the machine's own order, from ``address`` on.

    ``text``: the row's bytes as crash's ASCII column shows them (``.`` for what isn't printable), None
    where it shows none.
    """

    address: Address
    width: int
    words: tuple[Bits, ...]
    text: str | None = None


class Word(Record, frozen=True):
    """A word that ``-s`` or ``-S`` may have replaced by ``symbol`` and ``offset`` or its slab ``cache``."""

    value: Bits | None = None
    symbol: str | None = None
    offset: int | None = None
    cache: str | None = None


class SymbolicWords(Record, frozen=True):
    """A row of words, each as a number or as what it points to."""

    address: Address
    words: tuple[Word, ...]


class Text(Record, frozen=True):
    """A run of printable characters (at most 60) from ``address`` on."""

    address: Address
    text: str


PER_LINE = {8: 2, 4: 4, 2: 8, 1: 16}
"""Words in a row by their width."""

_ROW = re.compile(r"[ ]*+([0-9a-f]{1,16}+):[ ]{2}")
_DIGITS = re.compile(r"[0-9a-f]++")
_DECIMAL = re.compile(r"(?:[ ]*+-?[0-9]{1,20}+[ ])++")
_SYMBOLIC = re.compile(
    r"(?:([0-9a-f]{8}|[0-9a-f]{16})(?=[ ])|\[(?:([0-9a-f]{4,16}):)?([^\]\n]++)\]"
    r"|([A-Za-z_.$][\w.$]*+)(?:\+([0-9]{1,20}+|0x[0-9a-f]{1,16}+))?)[ ]++",
    re.ASCII,
)


def row_start(source: Source, offset: int, line: str) -> tuple[int, int] | None:
    """(address, where its words start) of a row, None and a rejected line where it is none."""
    match = _ROW.match(line)
    if not match:
        source.reject(offset, "no row of memory")
        return None
    return int(match[1], 16), match.end()


class Order:
    """Which byte orders the rows so far allow."""

    def __init__(self) -> None:
        self.possible = {"little", "big"}

    def allows(self, words: tuple[int, ...], width: int, text: str) -> bool:
        """Whether the characters are those of the words in an order that all rows share."""
        fitting = {order for order in self.possible if _characters(words, width, order) == text}
        if fitting:
            self.possible = fitting
        return bool(fitting)


_TABLE = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))


def _characters(words: tuple[int, ...], width: int, order: str) -> str:
    raw = b"".join(word.to_bytes(width, "little" if order == "little" else "big") for word in words)
    return raw.translate(_TABLE).decode("ascii")


def read_words(source: Source) -> list[Words]:
    """All rows of a hexadecimal dump, with or without the ASCII column."""
    rows: list[Words] = []
    order = Order()
    for offset, line in source.lines():
        start = row_start(source, offset, line)
        row = hex_row(source, offset, line, start, order) if start else None
        if row and rows and (rows[-1].width != row.width or len(rows[-1].words) != PER_LINE[row.width]):
            source.reject(offset, "a row of another width, or behind a short one")
        elif row:
            rows.append(row)
    note_gaps(source, [(row.address, row.width * len(row.words)) for row in rows])
    return rows


def hex_row(source: Source, offset: int, line: str, start: tuple[int, int], order: Order) -> Words | None:
    """A row whose words begin at ``start`` (address, place); None for a line that was set aside."""
    address, place = start
    first = _DIGITS.match(line, place)
    digits = len(first[0]) if first else 0
    if digits not in _WORDS:
        source.reject(offset + place, "no words of 8, 16, 32 or 64 bits")
        return None
    words, end = _words(line, place, digits)
    size = digits // 2 * len(words)
    tail = line[end:].strip(" ")
    if tail and len(line) < end + 2 + size:
        # Someone who kept the text has taken the blanks at the line's end away.
        line += " " * (end + 2 + size - len(line))
    text = line[-size:] if len(line) - end >= size + 2 else None  # two blanks and a character for each byte
    if line[end : len(line) - len(text or "")].strip(" "):
        source.reject(offset + end, "unexpected text after the words")
        return None
    if text is not None and not order.allows(words, digits // 2, text):
        source.reject(offset + end, "the characters are not those of the words")
        return None
    return Words(address=address, width=digits // 2, words=words, text=text)


def _words(line: str, place: int, digits: int) -> tuple[tuple[int, ...], int]:
    """Words of so many digits from ``place`` on, a blank after each; never more than a row has."""
    pattern = _WORDS[digits]
    match = pattern.match(line, place)
    if not match:
        return (), place
    return tuple(int(word, 16) for word in match[0].split()), match.end()


_WORDS = {
    2 * width: re.compile(rf"(?:[0-9a-f]{{{2 * width}}}(?:[ ]|$)){{1,{count}}}+")
    for width, count in PER_LINE.items()
}


def note_gaps(source: Source, spans: list[tuple[int, int]]) -> None:
    """Mark where rows don't follow on each other: crash 9.0.1 and later leave excluded memory out."""
    for (address, size), (following, _) in itertools.pairwise(spans):
        if address + size != following:
            reason = f"{address + size:x} to {following:x} is missing or the row before it is"
            source.note("gap", reason, incomplete=True)


def read_decimal(source: Source, width: int) -> list[Words]:
    """All rows of a decimal dump (``-d`` signed, ``-D`` unsigned) of words of this width."""
    rows = []
    for offset, line in source.lines():
        start = row_start(source, offset, line)
        if not start:
            continue
        match = _DECIMAL.fullmatch(line if line.endswith(" ") else line + " ", start[1])
        words = tuple(int(word) for word in match[0].split()) if match else ()
        if not words or len(words) > PER_LINE[width]:
            source.reject(offset + start[1], "no row of decimal words")
            continue
        rows.append(Words(address=start[0], width=width, words=words))
    note_gaps(source, [(row.address, width * len(row.words)) for row in rows])
    return rows


def read_symbolic(source: Source) -> list[SymbolicWords]:
    """All rows of a dump with symbols (``-s``) and slab caches (``-S``) instead of addresses."""
    rows = []
    for offset, line in source.lines():
        start = row_start(source, offset, line)
        words = tuple(_symbolic_words(line if line.endswith(" ") else line + " ", start[1])) if start else ()
        if start and (not words or None in words):
            source.reject(offset + start[1], "no row of words and symbols")
        elif start:
            rows.append(SymbolicWords(address=start[0], words=tuple(word for word in words if word)))
    note_gaps(source, [(row.address, 16) for row in rows])  # two words of 64 bits, or four of 32
    return rows


def _symbolic_words(line: str, place: int) -> Iterator[Word | None]:
    while place < len(line):
        match = _SYMBOLIC.match(line, place)
        if not match:
            yield None
            return
        value, at, cache, symbol, offset = match.groups()
        number = value or at
        yield Word(
            value=int(number, 16) if number else None,
            symbol=symbol,
            offset=plain_number(offset or "0") if symbol else None,
            cache=cache,
        )
        place = match.end()


def read_text(source: Source) -> list[Text]:
    """All rows of ``rd -a``."""
    rows = []
    for offset, line in source.lines():
        start = row_start(source, offset, line)
        if not start:
            continue
        text = line[start[1] :]
        if not 1 <= len(text) <= 60 or not (text.isascii() and text.isprintable()):
            source.reject(offset + start[1], "no row of printable text")
            continue
        rows.append(Text(address=start[0], text=text))
    return rows
