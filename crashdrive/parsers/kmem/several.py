"""``kmem`` with several flags: one report after another, in an order that is crash's own.

crash takes ``-n`` and ``-z`` beside each other and beside one of its other flags, and refuses any two of
these others. Source in crash: ``cmd_kmem()`` (memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.shapes import read_part
from crashdrive.records import Record


class KmemAnswer(Record, frozen=True):
    """The answer to one of several flags: the flag's letter, and its own shape and records."""

    option: str
    shape: str
    records: tuple[Any, ...]


# Flags that give a report each. Of the letters of a group the last one counts.
_REPORTS = ("i", "pm", "fF", "h", "sSr", "v", "cC", "n", "z", "lL", "V", "o", "g")
# Beginnings of reports that follow another one.
_BEGINNINGS = {
    "n": expression(r"^NODE +SIZE +PGLIST_DATA\b", re.MULTILINE | re.ASCII),
    "z": expression(r"^NODE: \d+  ZONE: \d+  ADDR: ", re.MULTILINE | re.ASCII),
    "lL": expression(
        r'^(?:(?:active|inactive|inactive_dirty)_list:|(?:NODE \d+ )?(?:"|nr_))', re.MULTILINE | re.ASCII
    ),
    "V": expression(r"^  (?:VM_(?:ZONE_)?STAT|PAGE_STATES):$", re.MULTILINE),
    "o": expression(r"^PER-CPU OFFSET VALUES:", re.MULTILINE),
    "g": expression(r"^PAGE-FLAG +BIT +VALUE\b", re.MULTILINE | re.ASCII),
}
# Behind the report of zones, which have counters, too: the counters of the whole system stand below an empty
# line.
_BEHIND_ZONES = {"V": expression(rf"(?<=\n\n){_BEGINNINGS['V'].pattern}", re.MULTILINE | re.ASCII)}


def _asked(source: Source) -> list[str]:
    return [letters for letters in _REPORTS if source.command.has(letters)]


def is_several(source: Source) -> bool:
    """Whether the command line asks for more than one report."""
    return len(_asked(source)) > 1


def several(shapes: Callable[[], Sequence[Shape]]) -> g.ParserElement:
    """Reports, each read by its flag's own grammar; ``shapes()`` gives the shapes of the single flags."""

    def read(source: Source, offset: int) -> tuple[KmemAnswer, int] | None:
        return _report(source, offset, shapes())

    report, nothing = (g.Reader(read, "a report of kmem", start=start) for start in ("(?s:.)", ""))
    begins = "|".join(f"(?:{pattern.pattern})" for pattern in _BEGINNINGS.values())
    following = g.Terminal(re.compile(begins, re.MULTILINE), "the next report of kmem")
    return g.End() + nothing | g.Many(report, resume=following)


class _Part(NamedTuple):
    """The letters of a report's flag, and the bounds of its text."""

    letters: str
    start: int
    end: int


def _report(source: Source, offset: int, shapes: Sequence[Shape]) -> tuple[KmemAnswer, int] | None:
    """(report, the offset behind it) of the report at ``offset``; blank lines may stand above it."""
    parts, missing = _cut(source, _asked(source))
    if offset == 0:
        for letters in missing:
            source.note("partial", f"crash printed no report for kmem -{letters}", incomplete=True)
    part = next((part for part in parts if part.start >= offset), None)
    if part is None or source.text[offset : part.start].strip():
        return None
    return _answer(source, part, shapes), part.end


def _cut(source: Source, asked: list[str]) -> tuple[list[_Part], list[str]]:
    """The reports in the text, and the letters of missing reports, which are holes."""
    starts = [(asked[0], 0)]
    missing: list[str] = []
    beginnings = _BEGINNINGS | _BEHIND_ZONES if "z" in asked else _BEGINNINGS
    for letters in asked[1:]:
        beginning = beginnings.get(letters)
        if beginning is None:
            source.fail(0, "crash prints one of these flags alone")
        found = beginning.search(source.text, starts[-1][1])
        if found is None:
            missing.append(letters)
        else:
            starts.append((letters, found.start()))
    if len(starts) > 1 and not source.text[: starts[1][1]].strip():
        missing.append(starts.pop(0)[0])
    ends = [start for _, start in starts[1:]] + [len(source.text)]
    return [_Part(*start, end) for start, end in zip(starts, ends, strict=True)], missing


def _answer(source: Source, part: _Part, shapes: Sequence[Shape]) -> KmemAnswer:
    """The report, read by its own grammar, with the command line that would give it alone."""
    letters, start, end = part
    options = {
        name: value
        for name, value in source.command.options.items()
        if name in letters or not any(name in group for group in _REPORTS)
    }
    arguments = source.command.arguments if letters == "sSr" else ()
    command = replace(source.command, options=options, arguments=arguments)
    alone = Source(command, source.text[start:end], lenient=source.lenient)
    shape, records = read_part(shapes, alone, source, start)
    option = next(name for name in reversed(letters) if name in options)
    return KmemAnswer(option=option, shape=shape, records=tuple(records))
