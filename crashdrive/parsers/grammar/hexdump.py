"""Memory as ``rd``, ``struct -r`` and ``dev -V`` show it: ``ADDR:  WORD WORD   ascii``.

Each row carries its address, words of one width and, as a rule, the same bytes as characters: words and
characters are held against each other, so that a damaged row can't pass.

Source in crash: ``display_memory()`` (memory.c).
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterable

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
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


PER_LINE = {8: 2, 4: 4, 2: 8, 1: 16}
"""Words in a row by their width."""

ROW = r"[ ]*+([0-9a-f]{1,16}+):[ ]{2}"
"""The beginning of a row of memory, of words or of anything else: its address."""

_CODES = {8: "Q", 4: "I", 2: "H", 1: "B"}  # of the module struct
_LITTLE, _BIG = "<", ">"


def hex_words(
    until: g.ParserElement | None = None, least: int = 1, *, characters: bool = False, bare: bool = False
) -> g.ParserElement:
    """Rows of words, a full row of their width each (the last one may be short), with their characters::

    ffffffff8221b940:  0000000000004000 0000000000000000   .@..............
    ffffffff8221b950:  00000000ffffffff                    ........

    ``until``, ``least``, ``bare``: as for `Rows`. ``characters``: a row without them doesn't match (it is a
    match of ``search``).
    """
    words = "|".join(
        rf"(?:[0-9a-f]{{{2 * width}}}(?:[ ]|$)){{1,{count}}}+" for width, count in PER_LINE.items()
    )
    behind = "{3,}+" if characters else "*+"
    row = g.Row(
        rf"{ROW}({words})([^\n]{behind})", _words, "a row of memory: ADDRESS:  WORDS CHARACTERS", re.MULTILINE
    )
    return g.made(g.Rows(row, between=g.noise(blank=False), until=until, least=least, bare=bare), _forget)


class _Above:
    """Conditions on the next row, from those above it: its width, and the possible byte orders."""

    def __init__(self) -> None:
        self.width = 0
        self.short = False
        self.orders = [_LITTLE, _BIG]

    def misfit(self, width: int, words: tuple[int, ...], shown: str | None) -> str | None:
        """Why a row can't follow those above; None where it can: it then counts as one of them."""
        if shown is not None:
            packing = f"{len(words)}{_CODES[width]}"
            fitting = [order for order in self.orders if _characters(order + packing, words) == shown]
            if not fitting:
                return "the characters are not those of the words"
            self.orders = fitting
        if self.width and (self.short or self.width != width):
            return "a row of another width, or behind a short one"
        self.width, self.short = width, len(words) != PER_LINE[width]
        return None


_SHOWN = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))


def _characters(packing: str, words: tuple[int, ...]) -> str:
    return struct.pack(packing, *words).translate(_SHOWN).decode("ascii")


def _words(row: re.Match[str]) -> Words | None:
    text = g.Text.of(row.string)
    address, digits, behind = row.groups()
    width = (digits + " ").index(" ") // 2
    raw = bytes.fromhex(digits)
    words = struct.unpack(f">{len(raw) // width}{_CODES[width]}", raw)
    between, shown = _split(behind, len(raw))
    above = text.kept.get(_Above) or text.kept.setdefault(_Above, _Above())
    reason = above.misfit(width, words, shown) if not between.strip(" ") else _STRAY
    if reason:
        text.missed(row.start(3), "", reason)
        return None
    return Words(int(address, 16), width, words, shown)


_STRAY = "unexpected text after the words"


def _split(behind: str, size: int) -> tuple[str, str | None]:
    """The text behind the words: all but its last ``size`` characters, and these; None for a blank text."""
    if len(behind) < size + 2:
        if not behind.strip(" "):
            return "", None
        # trailing blanks may be lost in a stored text
        behind = behind.ljust(size + 2)
    return behind[:-size], behind[-size:]


def _forget(text: g.Text, _place: int, rows: list[Words]) -> list[Words]:
    """The rows; forget their conditions on the next row, which is of another piece of memory."""
    text.kept.pop(_Above, None)
    return rows


def mark_gaps(source: Source, rows: list[Words]) -> list[Words]:
    """The rows; gaps between them are marked, see `note_gaps`."""
    note_gaps(source, [(row.address, row.width * len(row.words)) for row in rows])
    return rows


def note_gaps(source: Source, spans: Iterable[tuple[int, int]]) -> None:
    """Mark gaps between ``spans`` (address, bytes): crash 9.0.1 and later leave excluded memory out."""
    for (address, size), (following, _) in itertools.pairwise(spans):
        if address + size != following:
            reason = f"{address + size:x} to {following:x} is missing or the row before it is"
            source.note("gap", reason, incomplete=True)
