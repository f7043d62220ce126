"""The ways in which scripts/damage damages a line of a text.

Each takes all lines, the place of one of them that isn't blank, and a source of chance; it gives the damaged
text, or None where that line can't be damaged so.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Lines = list[str]
Damage = Callable[[Lines, int, random.Random], str | None]


def _with(lines: Lines, place: int, *instead: str, count: int = 1) -> str:
    return "\n".join([*lines[:place], *instead, *lines[place + count :]])


def _inside(line: str, chance: random.Random) -> int:
    """A place behind a line's first and before its last character; 0 where there is none."""
    start, end = len(line) - len(line.lstrip()), len(line.rstrip())
    return chance.randrange(start + 1, end) if end - start > 1 else 0


def _cut(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = _inside(lines[place], chance)
    return _with(lines, place, lines[place][:column]) if column else None


def _head(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = _inside(lines[place], chance)
    return _with(lines, place, lines[place][column:]) if column else None


def _join(lines: Lines, place: int, chance: random.Random) -> str | None:
    first, second = [*lines, ""][place : place + 2]
    between = chance.choice(("", " "))
    return _with(lines, place, first + between + second, count=2) if second.strip() else None


def _break(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = _inside(lines[place], chance)
    return _with(lines, place, lines[place][:column], lines[place][column:]) if column else None


def _swap(lines: Lines, place: int, _chance: random.Random) -> str | None:
    first, second = [*lines, ""][place : place + 2]
    return _with(lines, place, second, first, count=2) if second.strip() and first != second else None


def _double(lines: Lines, place: int, _chance: random.Random) -> str | None:
    return _with(lines, place, lines[place], lines[place])


def _delete(lines: Lines, place: int, _chance: random.Random) -> str | None:
    return _with(lines, place)


def _one_of(line: str, wanted: Callable[[str], bool], chance: random.Random) -> int | None:
    places = [column for column, character in enumerate(line) if wanted(character)]
    return chance.choice(places) if places else None


def _replaced(lines: Lines, place: int, column: int, character: str) -> str:
    line = lines[place]
    return _with(lines, place, line[:column] + character + line[column + 1 :])


def _digit(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = _one_of(lines[place], lambda character: character in "0123456789", chance)
    if column is None:
        return None
    return _replaced(lines, place, column, chance.choice("0123456789".replace(lines[place][column], "")))


def _character(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = chance.randrange(len(lines[place]))
    return _replaced(lines, place, column, chance.choice("x0 \t\"'[]{}<>:\x1b"))


def _tab(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = _one_of(lines[place], " ".__eq__, chance)
    return None if column is None else _replaced(lines, place, column, "\t")


def _nul(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = chance.randrange(len(lines[place]))
    return _with(lines, place, lines[place][:column] + "\0" + lines[place][column:])


def _crlf(lines: Lines, place: int, _chance: random.Random) -> str | None:
    return _with(lines, place, lines[place] + "\r")


def _end(lines: Lines, place: int, chance: random.Random) -> str | None:
    column = _inside(lines[place], chance)
    return "\n".join([*lines[:place], lines[place][:column]]) if column else None


def _lines(lines: Lines, place: int, _chance: random.Random) -> str | None:
    return "\n".join([*lines[:place], ""]) if place else None


KINDS: dict[str, tuple[Damage, str]] = {
    "cut": (_cut, "a line loses its end"),
    "head": (_head, "a line loses its beginning"),
    "join": (_join, "a line and the next are one, with a space between or without"),
    "break": (_break, "a line is two"),
    "swap": (_swap, "a line and the next change places"),
    "double": (_double, "a line stands there twice"),
    "delete": (_delete, "a line is missing"),
    "digit": (_digit, "a digit is another one"),
    "character": (_character, "a character is another one"),
    "tab": (_tab, "a space is a tab"),
    "nul": (_nul, "a NUL is in a line"),
    "crlf": (_crlf, "a line ends in CR LF"),
    "end": (_end, "the text ends within a line"),
    "lines": (_lines, "the text ends behind a line"),
}
