"""Columns of tables: crash's title, the record's field, what may stand in a cell.

crash moves, adds and drops columns between its versions. So a column is known by its title, never by its
position.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

from crashdrive.expressions import expression

# Possessive and bounded, so that a hostile line can't make the expression try again and again.
GAP = r" {1,256}+"
# Longer than any line that crash's buffers can make of a path (4096) and some columns.
LONGEST_ROW = 65536
# Free text of at most so many characters holds no second row.
SHORTEST_ROW = 24

Joined = Literal["error", "mark"]
"""The effect of a row whose free text holds another row's beginning: an error, or a marked answer."""

hexadecimal: Callable[[str], int] = partial(int, base=16)


def kilobytes(text: str) -> int:
    """``16k`` as bytes."""
    return int(text[:-1]) * 1024


class Cell(NamedTuple):
    """The text of a column's cells, and its conversion to a value (None: unchanged)."""

    pattern: str
    convert: Callable[[str], Any] | None = None


HEX = Cell(r"[0-9a-f]{1,16}+", hexadecimal)
DECIMAL = Cell(r"\d{1,20}+", int)
SIGNED = Cell(r"-?+\d{1,20}+", int)
KILOBYTES = Cell(r"\d{1,20}+k", kilobytes)
# Words end at blanks alone: names may hold any other character, tabs and no-break spaces too.
WORD = Cell(r"[^ \n]++")
# Anything; takes as little as the columns behind it allow. Ends before trailing blanks.
TEXT = Cell(r"[^ \n](?:.*?[^ \n])??")
# Anything to the end of the row, for a last column: takes all that stands there, twice as fast.
REST = Cell(r"[^ \n]++(?: ++[^ \n]++)*+")


def or_none(cell: Cell, placeholder: str) -> Cell:
    """The cell, or a placeholder (an expression) that stands for None."""
    # a placeholder that is a plain text is compared as one, which is faster
    literal = placeholder.replace("\\", "")
    plain = placeholder == re.escape(literal) or not set(placeholder) & set("\\.^$*+?{}[]|()")
    mark = None if plain else re.compile(placeholder)

    def convert(text: str) -> Any:
        if text == literal if mark is None else mark.fullmatch(text):
            return None
        return cell.convert(text) if cell.convert else text

    return Cell(f"(?:{cell.pattern}|{placeholder})", convert)


def often(cell: Cell) -> Cell:
    """The cell, for a column with few different values: each value is converted once."""
    return Cell(cell.pattern, lru_cache(maxsize=1024)(cell.convert) if cell.convert else None)


class Column(NamedTuple):
    """A column: crash's title, the record's field, its cells.

    ``blank``: cells may be empty, and then the field takes the record's default (sound for the last columns
    only). The header must have it all the same, and each column whose field has no default. ``last``: no
    other column may stand behind it. ``joined``: what becomes of a row in whose cell another row begins, as
    its newline was lost: an error for names, which hold no such thing, a mark for paths and other people's
    text, which may.
    """

    title: str
    field: str
    cell: Cell
    blank: bool = False
    last: bool = False
    joined: Joined | None = None


ELIDED = expression(r"\.{3,80}|\[\.{3}\]")
"""Stands for lines that somebody left out."""
