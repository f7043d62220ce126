"""``rd``: memory, as words with their characters, as symbols, as text, or copied to a file.

Source in crash: ``cmd_rd()``, ``display_memory()`` (memory.c). Words with their characters:
`crashdrive.parsers.grammar.hexdump`.

As crash prints it::

    crash> rd init_task 4
    ffffffff9fe10940:  0000000000004000 0000000000000000   .@..............
    ffffffff9fe10950:  0000000000000000 0000000000000000   ................
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.hexdump import PER_LINE, ROW, Words, hex_words, mark_gaps, note_gaps
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Address, Bits, Record


class Word(Record, frozen=True):
    """A word; with ``-s`` and ``-S`` crash may print ``symbol`` and ``offset``, or the slab ``cache``, in its
    place.
    """

    value: Bits | None = None
    symbol: str | None = None
    offset: int | None = None
    cache: str | None = None


class SymbolicWords(Record, frozen=True):
    """A row of words, each as a number, a symbol or a slab cache."""

    address: Address
    words: tuple[Word, ...]


class Text(Record, frozen=True):
    """A run of printable characters (at most 60) from ``address`` on."""

    address: Address
    text: str


class FileCopy(Record, frozen=True):
    """Memory that was copied to a file: ``size`` in bytes, from ``address``, to ``path``."""

    size: int
    address: Address
    path: str


def _copy() -> g.ParserElement:
    """``4096 bytes copied from 0xffffffff8221b940 to /tmp/memory``."""
    return g.Row(
        r"(\d{1,18}+) bytes copied from 0x([0-9a-f]{1,16}+) to ([^\n]++)",
        lambda row: FileCopy(size=int(row[1]), address=int(row[2], 16), path=row[3]),
        "what was copied: SIZE bytes copied from ADDRESS to FILE",
    )


def _text() -> g.ParserElement:
    """Rows of up to 60 characters::

    ffffffff81a00060:  Linux version 6.1.0 (gcc 12.2.0) #1 SMP
    """
    row = g.Row(
        rf"{ROW}([\x20-\x7e]{{1,60}}+)(?![ ])",
        lambda row: Text(int(row[1], 16), row[2]),
        "a row of text: ADDRESS:  CHARACTERS",
    )
    return _rows(row)


def _rows(row: g.Row) -> g.ParserElement:
    return g.Rows(row, between=g.noise(blank=False))


def _decimal() -> g.ParserElement:
    """Rows of signed (``-d``) or unsigned (``-D``) words, without characters::

    ffffffff8221b940:                 16384                    -1
    """
    words = r"(?:[ ]*+-?[0-9]{1,20}+(?:[ ]|$)){1,16}+(?![ ])"
    return _rows(
        g.Row(rf"{ROW}({words})", _decimal_row, "a row of decimal words: ADDRESS:  WORDS", re.MULTILINE)
    )


def _decimal_row(row: re.Match[str]) -> Words | None:
    width = _width(g.Text.of(row.string).source)
    words = tuple(map(int, row[2].split()))
    return Words(int(row[1], 16), width, words) if len(words) <= PER_LINE[width] else None


def _width(source: Source) -> int:
    """Bytes of a word: as the command line asks for, else the machine's own width."""
    options = source.command.options
    if "8" in options:
        return 1
    asked = (bytes_ for letter, bytes_ in (("1", 2), ("3", 4), ("6", 8)) if letter in options)
    return next(asked, None) or _machine_width(source)


def _machine_width(source: Source) -> int:
    """Bytes of an address: 8 where one has more than eight digits, else 4."""
    digits = re.match(r" *([0-9a-f]+):", source.text)
    return 8 if digits and len(digits[1]) > 8 else 4


def _symbols() -> g.ParserElement:
    """Rows with symbols (``-s``) and slab caches (``-S``; ``-SS``: with the address) in place of addresses::

    ffffffff8221b9a0:  [ffff888003a54000:task_struct] init_task+2400
    ffffffff8221b9b0:  0000000000000000 [filp]
    """
    return _rows(g.Row(rf"{ROW}([^\n]++)", _symbolic_row, "a row of words and symbols: ADDRESS:  WORDS"))


_WORD = expression(
    r"(?:([0-9a-f]{8}|[0-9a-f]{16})(?=[ ])|\[(?:([0-9a-f]{4,16}):)?([^\]\n]++)\]"
    r"|([A-Za-z_.$][\w.$]*+)(?:\+([0-9]{1,20}+|0x[0-9a-f]{1,16}+))?)[ ]++",
    re.ASCII,
)


def _symbolic_row(row: re.Match[str]) -> SymbolicWords | None:
    words, place, shown = [], 0, row[2] + " "
    while place < len(shown):
        found = _WORD.match(shown, place)
        if found is None:
            return None
        words.append(_word(found))
        place = found.end()
    return SymbolicWords(int(row[1], 16), tuple(words))


def _word(found: re.Match[str]) -> Word:
    value, at, cache, symbol, offset = found.groups()
    number = value or at
    return Word(
        value=int(number, 16) if number else None,
        symbol=symbol,
        offset=plain_number(offset or "0") if symbol else None,
        cache=cache,
    )


def _check_words(source: Source, rows: list[Words]) -> list[Words]:
    _mark_short(source, sum(len(row.words) for row in mark_gaps(source, rows)))
    return rows


def _check_symbols(source: Source, rows: list[SymbolicWords]) -> list[SymbolicWords]:
    note_gaps(source, [(row.address, 16) for row in rows])  # two words of 64 bits, or four of 32
    _mark_short(source, sum(len(row.words) for row in rows))
    return rows


def _mark_short(source: Source, found: int) -> None:
    """Mark an answer with fewer words than were asked for: crash 9.0.1 and later leave excluded memory out
    silently.
    """
    asked = _asked(source)
    if asked is not None and found < asked:
        source.note("short", f"{found} words of {asked}", incomplete=True)
    elif asked is not None and found > asked:
        source.fail(0, f"{found} words where {asked} were asked for")


def _asked(source: Source) -> int | None:
    """How many words the command line asks for; None where it gives no number."""
    arguments = source.command.arguments
    if len(arguments) < 2 or not re.fullmatch(r"\d{1,12}", arguments[1]):
        return None
    return int(arguments[1])


def _is_row(source: Source) -> bool:
    return re.match(r" *[0-9a-f]{1,16}:  ", source.text) is not None


def _has(letters: str, source: Source) -> bool:
    return source.command.has(letters) and _is_row(source)


SHAPES = (
    Shape(
        name="copy",
        record=FileCopy,
        grammar=_copy,
        options="rd -r FILE ADDRESS SIZE",
        when=lambda source: re.match(r"\d{1,18}+ bytes copied from ", source.text) is not None,
    ),
    Shape(
        name="text",
        record=Text,
        grammar=_text,
        options="rd -a ADDRESS",
        when=lambda source: _has("a", source),
    ),
    Shape(
        name="symbols",
        record=SymbolicWords,
        grammar=_symbols,
        finish=_check_symbols,
        options="rd -s|-S|-SS ADDRESS [COUNT]",
        when=lambda source: _has("sS", source),
    ),
    Shape(
        name="decimal",
        record=Words,
        grammar=_decimal,
        finish=_check_words,
        options="rd -d|-D [-8|-16|-32|-64] ADDRESS [COUNT]",
        when=lambda source: _has("dD", source),
    ),
    Shape(
        name="words",
        record=Words,
        grammar=hex_words,
        finish=_check_words,
        options="rd [-8|-16|-32|-64] [-x] ADDRESS [COUNT]",
        when=_is_row,
    ),
)
EXAMPLES = (
    "rd {init_task}",
    "rd {init_task} 33",
    "rd -64 {init_task} 5",
    "rd -32 {init_task} 7",
    "rd -16 {init_task} 9",
    "rd -8 {init_task} 33",
    "rd -x {init_task} 4",
    "rd -d {init_task} 5",
    "rd -D {init_task} 5",
    "rd -32 -d {init_task} 5",
    "rd -16 -D {init_task} 9",
    "rd -8 -d {init_task} 17",
    "rd -s {init_task} 64",
    "rd -S {init_task} 64",
    "rd -SS {init_task} 64",
    "rd -a linux_banner",
    "rd -a linux_banner 100",
    "rd -p 1000 8",
    "rd -N -32 {init_task} 4",
    "rd -R {init_task} 8",
    "rd -o 16 {init_task} 4",
    "rd -r /dev/null {init_task} 4096",
    "rd jiffies",
    "rd nosuchsymbol",
    "rd ffff000000000000",
    *("rd -f 1000 4", "rd -u 401000 4", "rd -ps 1000 4"),
    *(
        "rd -p 1000 -e 1040",
        "rd -m 1000",
    ),
)
