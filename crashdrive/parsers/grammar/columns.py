"""Header-driven tables: the header line says which columns there are and in which order.

crash moves, adds and drops columns between its versions, so that a column is known by its title and never by
its position. A title that isn't known, a required one that is missing, and a row that lacks a promised column
are errors. Each header compiles to one regular expression for its rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from msgspec.structs import fields

from crashdrive.parsers.base import Source
from crashdrive.records import Record

R = TypeVar("R", bound=Record)

# Possessive and bounded, so that a hostile line can't make the expression try again and again.
GAP = r" {1,256}+"
# Longer than any line that crash's buffers can make of a path (4096) and some columns.
LONGEST_ROW = 65536
# Free text of at most so many characters holds no second row.
SHORTEST_ROW = 24

Joined = Literal["error", "mark"]
"""What becomes of a row whose free text holds another row's beginning: no row at all, or a marked answer."""

hexadecimal: Callable[[str], int] = partial(int, base=16)


def kilobytes(text: str) -> int:
    """``16k`` as bytes."""
    return int(text[:-1]) * 1024


class Cell(NamedTuple):
    """What may stand in a column, and how it becomes a value (None: as it stands)."""

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
    """The cell, for a column of few different values in many rows: each is converted once and kept."""
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


class Layout(Generic[R]):
    """A table as one header lays it out."""

    def __init__(self, record: type[R], columns: list[Column]) -> None:
        self.record = record
        self.titles = tuple(column.title for column in columns)
        self.reason = f"no row with the columns {', '.join(self.titles)}"
        self._fields = [column.field for column in columns]
        self._converters = [column.cell.convert for column in columns]
        self._pattern = re.compile(" *+" + _expression(columns) + " *+")

    def match(self, line: str) -> R | None:
        """The record of a row; None when the line is none."""
        found = self._pattern.fullmatch(line) if len(line) <= LONGEST_ROW else None
        if found is None:
            return None
        cells = zip(self._fields, self._converters, found.groups(), strict=True)
        filled = {name: turn(cell) if turn else cell for name, turn, cell in cells if cell is not None}
        return self.record(**filled)


class Table(Generic[R]):
    """All columns that a command's table may have."""

    def __init__(self, record: type[R], *columns: Column) -> None:
        self.record = record
        self._columns = {column.title: column for column in columns}
        self._required = {field.name for field in fields(record) if field.required}
        self._required |= {column.field for column in columns if column.blank}
        titles = sorted(self._columns, key=len, reverse=True)
        self._title = re.compile(r" *+(" + "|".join(map(re.escape, titles)) + r")(?= |$)")
        self._layouts: dict[tuple[str, ...], Layout[R]] = {}

    def heads(self, line: str) -> bool:
        """Whether a line begins like a header of this table."""
        found = self._title.match(line)
        return found is not None and self._title.match(line, found.end()) is not None

    def header(self, source: Source, offset: int, line: str) -> Layout[R]:
        """The layout that a header line promises; ParseError for a title that isn't known, or missing."""
        titles = self._titles(source, offset, line)
        layout = self._layouts.get(titles)
        if layout is None:
            columns = [self._columns[title] for title in titles]
            layout = self._layouts[titles] = Layout(self.record, columns)
        return layout

    def _titles(self, source: Source, offset: int, line: str) -> tuple[str, ...]:
        titles: list[str] = []
        position = 0
        end = len(line.rstrip(" "))
        while position < end:
            found = self._title.match(line, position)
            if found is None or found[1] in titles or len(titles) > len(self._columns):
                gap = len(line[position:]) - len(line[position:].lstrip(" "))
                source.fail(offset + position + gap, "a header with an unknown column")
            titles.append(found[1])
            position = found.end()
        missing = self._required - {self._columns[title].field for title in titles}
        if missing:
            source.fail(offset, f"a header without a column for {min(missing)}")
        return tuple(titles)


def _expression(columns: list[Column]) -> str:
    parts = [("" if i == 0 else GAP) + f"({column.cell.pattern})" for i, column in enumerate(columns)]
    return "".join(f"(?:{p})?" if c.blank else p for p, c in zip(parts, columns, strict=True))


ELIDED = re.compile(r"\.{3,80}|\[\.{3}\]")
"""Stands for lines that somebody left out."""


def is_elided(source: Source, offset: int, line: str) -> bool:
    """Whether a line is the ``...`` that stands for left-out lines (crash's help pages, and copies that
    people made: ``[...]`` too); marks the answer.
    """
    if not line or line[-1] not in ".] " or not ELIDED.fullmatch(line.strip(" ")):
        return False
    source.note("elided", "lines were left out here", line=source.position(offset)[0], incomplete=True)
    return True


def note_error(source: Source, offset: int, line: str) -> None:
    """Keep what crash said of one part of an otherwise good output; marks the answer."""
    source.note("error", line.strip(), line=source.position(offset)[0], text=line, incomplete=True)
