"""``repeat``: another command's output, over and over.

crash goes on until it is interrupted, the command is refused or the reader of its output has gone; nothing
stands between the rounds. Source in crash: ``cmd_repeat()`` (cmdline.c).

As crash prints it::

    crash> repeat p jiffies
    jiffies = $4 = 4294898721
    jiffies = $5 = 4294898721
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.errors import ParseError, UsageError
from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Record


class Round(Record, frozen=True, kw_only=True):
    """A round of a repeated command: its start in seconds since that of the first round, and its answer."""

    number: int
    start: float
    shape: str
    complete: bool
    records: tuple[Any, ...]


_LINE = expression(r"\s*repeat\s+(?:-\d+\s+)?(.+)", re.DOTALL | re.ASCII)


def _rounds() -> g.ParserElement:
    """The whole text, read by the repeated command's grammar: all rounds at once, or round by round."""
    return g.Reader(lambda source, _: (_read(source), len(source.text)), "the output of a command", start="")


def _read(source: Source) -> list[Any]:
    """The records of all rounds. Where the grammar can't read several rounds at once, the text is cut at each
    line that equals its first one.
    """
    match = _LINE.fullmatch(source.command.text)
    if not match:
        source.fail(0, "repeat needs a command")
    try:
        return _records(source, match[1], source.text, 0)
    except ParseError:
        rounds = _split(source.text)
        if len(rounds) < 2:
            raise
        return [record for start, text in rounds for record in _records(source, match[1], text, start)]


def _records(source: Source, command: str, text: str, start: int) -> list[Any]:
    from crashdrive.parsers import parse

    before = source.position(start)[0] - 1
    try:
        answer = parse(command, text, lenient=source.lenient)
    except ParseError as error:
        raise ParseError(
            source.command.text, error.line + before, error.column, error.text, error.reason
        ) from None
    except UsageError as error:
        source.fail(start, str(error))
    for notice in answer.warnings:
        line = notice.line + before if notice.line else None
        source.note(notice.kind, notice.message, line=line, text=notice.text)
    source.complete = source.complete and answer.complete
    return list(answer.records)


def _split(text: str) -> list[tuple[int, str]]:
    """(offset, text) of each round: a round begins with the first round's first line."""
    first = text.split("\n", 1)[0] + "\n"
    starts = [0] if first.strip() else []
    place = text.find("\n" + first) if starts else -1
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n" + first, place + 1)
    ends = [*starts[1:], len(text)]
    return [(start, text[start:end]) for start, end in zip(starts, ends, strict=bool(starts))]


def _flat(_source: Source, found: list[list[Any]]) -> list[Any]:
    return [record for records in found for record in records]


SHAPES = (
    Shape(name="rounds", record=Any, grammar=_rounds, finish=_flat, options="repeat [-SECONDS] COMMAND"),
)
# the end of `head` ends the command
EXAMPLES = (
    "repeat p jiffies | head -5",
    "repeat -1 sym init_task | head -3",
    "repeat no_such_command",
    "repeat -x ps",
)
