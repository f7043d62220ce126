"""Whole structures as crash prints them among other things: ``struct socket {...}``."""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.values import ValueReader
from crashdrive.records import Record

_OPENING = re.compile(r"((?:struct|union) [A-Za-z_]\w{0,255}) (?=\{)", re.ASCII)
_BLANK = re.compile(r"\s*+")


class Structure(Record, frozen=True):
    """A structure: its type with the keyword, its members by name (see grammar/values.py)."""

    type: str
    value: Any


def structure() -> g.Structure:
    """One of them, with the end of its line."""
    return g.Structure(make=Structure)


def read_structures(source: Source, start: int, stop: int) -> tuple[list[Structure], int]:
    """All structures that follow each other from ``start`` on, and where the last one ended."""
    reader = ValueReader(source)
    found: list[Structure] = []
    while opening := _opening(source, start, stop):
        value, start = reader.value(opening.end())
        found.append(Structure(type=opening[1], value=value))
    return found, start


def _opening(source: Source, start: int, stop: int) -> re.Match[str] | None:
    blank = _BLANK.match(source.text, start, stop)
    return _OPENING.match(source.text, blank.end() if blank else start, stop)
