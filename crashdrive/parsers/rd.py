"""``rd``: memory, as words with their characters, as symbols, as text, or copied to a file.

Source in crash: ``cmd_rd()``, ``display_memory()`` (memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.commandline import command_line
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.hexdump import (
    SymbolicWords,
    Text,
    Words,
    read_decimal,
    read_symbolic,
    read_text,
    read_words,
)
from crashdrive.records import Address, Record

OPTSTRING = command_line("rd").traits.own_options
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
)


class FileCopy(Record, frozen=True):
    """Memory that was copied to a file: ``size`` in bytes, from ``address``, to ``path``."""

    size: int
    address: Address
    path: str


_COPY = re.compile(r"(\d{1,18}) bytes copied from 0x([0-9a-f]{1,16}) to (.+)\n?")


def width(source: Source) -> int | None:
    """Bytes of a word that the command line asks for, None where it is the machine's own."""
    options = source.command.options
    if "8" in options:
        return 1
    return next((bytes_ for letter, bytes_ in (("1", 2), ("3", 4), ("6", 8)) if letter in options), None)


def _parse_copy(source: Source) -> Sequence[FileCopy]:
    match = _COPY.fullmatch(source.text)
    if not match:
        source.fail(0, "expected '... bytes copied from'")
    return [FileCopy(size=int(match[1]), address=int(match[2], 16), path=match[3])]


def _asked(source: Source) -> int | None:
    """How many words the command line asks for."""
    arguments = source.command.arguments
    if len(arguments) < 2 or not re.fullmatch(r"\d{1,12}", arguments[1]):
        return None
    return int(arguments[1])


def _parse_words(source: Source) -> Sequence[Words]:
    rows = read_words(source)
    return _counted(source, rows)


def _parse_decimal(source: Source) -> Sequence[Words]:
    return _counted(source, read_decimal(source, width(source) or _machine_width(source)))


def _machine_width(source: Source) -> int:
    """Words are as wide as addresses: 64 bits where an address has more than eight digits."""
    digits = re.match(r" *([0-9a-f]+):", source.text)
    return 8 if digits and len(digits[1]) > 8 else 4


def _counted(source: Source, rows: list[Words]) -> Sequence[Words]:
    _mark_short(source, sum(len(row.words) for row in rows))
    return rows


def _mark_short(source: Source, found: int) -> None:
    """Crash 9.0.1 and later leave excluded memory out without a word: count."""
    asked = _asked(source)
    if asked is not None and found < asked:
        source.note("short", f"{found} words of {asked}", incomplete=True)
    elif asked is not None and found > asked:
        source.fail(0, f"{found} words where {asked} were asked for")


def _parse_symbolic(source: Source) -> Sequence[SymbolicWords]:
    rows = read_symbolic(source)
    _mark_short(source, sum(len(row.words) for row in rows))
    return rows


def _is_row(source: Source) -> bool:
    return re.match(r" *[0-9a-f]{1,16}:  ", source.text) is not None


def _has(letters: str, source: Source) -> bool:
    return source.command.has(letters) and _is_row(source)


SHAPES = (
    Shape(
        name="copy",
        record=FileCopy,
        parse=_parse_copy,
        options="rd -r FILE ADDRESS SIZE",
        when=lambda source: _COPY.fullmatch(source.text) is not None,
    ),
    Shape(
        name="text",
        record=Text,
        parse=read_text,
        options="rd -a ADDRESS",
        when=lambda source: _has("a", source),
    ),
    Shape(
        name="symbols",
        record=SymbolicWords,
        parse=_parse_symbolic,
        options="rd -s|-S|-SS ADDRESS [COUNT]",
        when=lambda source: _has("sS", source),
    ),
    Shape(
        name="decimal",
        record=Words,
        parse=_parse_decimal,
        options="rd -d|-D [-8|-16|-32|-64] ADDRESS [COUNT]",
        when=lambda source: _has("dD", source),
    ),
    Shape(
        name="words",
        record=Words,
        parse=_parse_words,
        options="rd [-8|-16|-32|-64] [-x] ADDRESS [COUNT]",
        when=_is_row,
    ),
)
