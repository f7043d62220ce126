"""``kmem`` with several flags: one report after another, in an order that is crash's own.

crash takes ``-n`` and ``-z`` beside each other and beside one of its other flags, and refuses any two of
these others. Source in crash: ``cmd_kmem()`` (memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.shapes import read_shape
from crashdrive.records import Record


class KmemAnswer(Record, frozen=True):
    """What one of several flags gave: the flag's letter, the shape and records that it has alone."""

    option: str
    shape: str
    records: tuple[Any, ...]


# Flags that stand for one report each; the letters of a group exclude each other, the last one wins.
_REPORTS = ("i", "pm", "fF", "h", "sSr", "v", "cC", "n", "z", "lL", "V", "o", "g")
# How a report begins that follows another one.
_BEGINNINGS = {
    "n": re.compile(r"^NODE +SIZE +PGLIST_DATA\b", re.MULTILINE),
    "z": re.compile(r"^NODE: \d+  ZONE: \d+  ADDR: ", re.MULTILINE),
    "lL": re.compile(r'^(?:(?:active|inactive|inactive_dirty)_list:|(?:NODE \d+ )?(?:"|nr_))', re.MULTILINE),
    "V": re.compile(r"^  (?:VM_(?:ZONE_)?STAT|PAGE_STATES):$", re.MULTILINE),
    "o": re.compile(r"^PER-CPU OFFSET VALUES:", re.MULTILINE),
    "g": re.compile(r"^PAGE-FLAG +BIT +VALUE\b", re.MULTILINE),
}
# Each zone has counters of its own; those of the whole system stand below an empty line.
_BEHIND_ZONES = {"V": re.compile(rf"(?<=\n\n){_BEGINNINGS['V'].pattern}", re.MULTILINE)}


def _asked(source: Source) -> list[str]:
    return [letters for letters in _REPORTS if source.command.has(letters)]


def is_several(source: Source) -> bool:
    """Whether the command line asks for more than one report."""
    return len(_asked(source)) > 1


def parse_several(shapes: Callable[[], Sequence[Shape]]) -> Callable[[Source], list[KmemAnswer]]:
    """The parser for several flags; ``shapes`` gives those of the single ones."""
    return lambda source: [
        _one(source, letters, start, end, shapes()) for letters, start, end in _cut(source, _asked(source))
    ]


def _cut(source: Source, asked: list[str]) -> Iterator[tuple[str, int, int]]:
    """(letters, start, end) of each report that is there; a missing one is a hole."""
    starts = [(asked[0], 0)]
    beginnings = _BEGINNINGS | _BEHIND_ZONES if "z" in asked else _BEGINNINGS
    for letters in asked[1:]:
        beginning = beginnings.get(letters)
        if beginning is None:
            source.fail(0, "crash prints one of these flags alone")
        found = beginning.search(source.text, starts[-1][1])
        if found is None:
            source.note("partial", f"crash printed no report for kmem -{letters}", incomplete=True)
        else:
            starts.append((letters, found.start()))
    if len(starts) > 1 and not source.text[: starts[1][1]].strip():
        source.note("partial", f"crash printed no report for kmem -{asked[0]}", incomplete=True)
        starts.pop(0)
    ends = [start for _, start in starts[1:]] + [len(source.text)]
    for (letters, start), end in zip(starts, ends, strict=True):
        yield letters, start, end


def _one(source: Source, letters: str, start: int, end: int, shapes: Sequence[Shape]) -> KmemAnswer:
    options = {
        name: value
        for name, value in source.command.options.items()
        if name in letters or not any(name in group for group in _REPORTS)
    }
    arguments = source.command.arguments if letters == "sSr" else ()
    command = replace(source.command, options=options, arguments=arguments)
    part = Source(command, source.text[start:end], lenient=source.lenient)
    before = source.position(start)[0] - 1
    shape = next(shape for shape in shapes if shape.when(part))
    try:
        records = tuple(read_shape(shape, part))
    except ParseError as error:
        raise ParseError(
            source.command.text, error.line + before, error.column, error.text, error.reason
        ) from error
    source.warnings += [replace(note, line=note.line and note.line + before) for note in part.warnings]
    source.complete = source.complete and part.complete
    option = next(name for name in reversed(letters) if name in options)
    return KmemAnswer(option=option, shape=shape.name, records=records)
