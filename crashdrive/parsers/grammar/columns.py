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

# The gap between cells. Possessive and bounded: a hostile line can't make the expression backtrack for long.
GAP = r" {1,256}+"
# Longer than any line that crash's buffers can make of a path (4096) and some columns.
LONGEST_ROW = 65536
# Free text that isn't longer than this holds no second row.
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
# Any characters but blanks: names may hold tabs and no-break spaces, too.
WORD = Cell(r"[^ \n]++")
# Any text, as short as the columns behind it allow. Ends before trailing blanks.
TEXT = Cell(r"[^ \n](?:.*?[^ \n])??")
# Any text to the end of the row, for a last column: twice as fast as `TEXT`.
REST = Cell(r"[^ \n]++(?: ++[^ \n]++)*+")


def or_none(cell: Cell, placeholder: str) -> Cell:
    """The cell, or a placeholder (an expression) that stands for None."""
    # a placeholder without special characters is compared as text, which is faster
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

    ``blank``: cells may be empty; the field then takes the record's default (sound for the last columns
    only). A header must have each ``blank`` column, and each column whose field has no default. ``last``: no
    other column may stand behind this one. ``joined``: the effect of a cell that holds the beginning of
    another row, as a newline was lost: ``error`` for names, which never hold one, ``mark`` for paths and
    other free text, which may.
    """

    title: str
    field: str
    cell: Cell
    blank: bool = False
    last: bool = False
    joined: Joined | None = None


ELIDED = expression(r"\.{3,80}|\[\.{3}\]")
"""Dots in the place of lines that somebody left out."""
