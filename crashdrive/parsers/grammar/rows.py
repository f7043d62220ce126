"""Bulk rows: one compiled expression per row over the whole text, and what may stand between rows.

Expressions are compiled with ``re.MULTILINE`` and match one whole row without its newline (``...$``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import is_elided
from crashdrive.records import Notice

R = TypeVar("R")

BLANKS = " "
# crash's error(): the command's name or one of two words, a colon, the message.
_WORDS = ("WARNING: ", "NOTE: ")
# What any command may say of a kernel that this crash doesn't know, under an inner command's name; behind it
# come the place in crash's source and crash's own backtrace, which say nothing of the dump.
_UNKNOWN = re.compile(r"\w{1,16}: invalid structure (?:member offset|size): \w{1,128}")
_PLACE = re.compile(
    r" {3,40}FILE: \S{1,64}  LINE: \d+  FUNCTION: \S{1,128}|\[\S{1,4096}\] error trace: [0-9a-f => ]{1,4096}"
)


def parse_rows(
    source: Source,
    pattern: re.Pattern[str],
    make: Callable[[re.Match[str]], R],
    *,
    start: int = 0,
    end: int | None = None,
    other: Callable[[int, str], bool] | None = None,
) -> list[R]:
    """One record per row from ``start`` to ``end`` of the source's text.

    Lines between rows may be blank, ``...`` (marked), messages of crash itself (kept as notices), or what
    ``other(offset, line)`` takes; any other one is rejected.
    """
    text = source.text
    stop = len(text) if end is None else end
    found: list[R] = []
    position = start
    for match in pattern.finditer(text, start, stop):
        if match.start() > position:
            _between(source, position, match.start(), other)
        found.append(make(match))
        position = match.end() + 1
    if position < stop:
        _between(source, position, stop, other)
    return found


def _between(source: Source, start: int, stop: int, other: Callable[[int, str], bool] | None) -> None:
    for offset, line in lines_of(source.text, start, stop):
        if not (other is not None and other(offset, line)):
            skip_or_reject(source, offset, line, "no row of this table")


def lines_of(text: str, start: int, stop: int) -> list[tuple[int, str]]:
    """(offset, line) of each line from ``start`` (a line's beginning) to ``stop``."""
    found: list[tuple[int, str]] = []
    offset = start
    while offset < stop:
        newline = text.find("\n", offset, stop)
        newline = stop if newline < 0 else newline
        found.append((offset, text[offset:newline]))
        offset = newline + 1
    return found


def skip_or_reject(source: Source, offset: int, line: str, reason: str) -> None:
    """Take a line that is blank, elided or a message of crash; reject any other one."""
    if line.strip(BLANKS) and not is_elided(source, offset, line) and not take_message(source, offset, line):
        source.reject(offset, reason)


def words_of(line: str) -> list[str]:
    """The words of a line. crash sets words apart by blanks alone: a tab is part of a word."""
    return [word for word in line.split(" ") if word]


def is_message(source: Source, line: str) -> bool:
    """Whether crash itself speaks in this line: ``CMD: text``, ``WARNING: text``, ``NOTE: text``."""
    return line.startswith((f"{source.command.name}: ", *_WORDS)) or bool(_UNKNOWN.fullmatch(line))


def names_place(line: str) -> bool:
    """Whether crash names the place in its own source here, or shows its own backtrace."""
    return _PLACE.fullmatch(line) is not None


def message_notice(source: Source, line: str, number: int) -> Notice:
    """The notice of a line in which crash speaks: of kind ``note``, or ``error``, which marks the answer."""
    plain = line.removeprefix(f"{source.command.name}: ")
    if plain.startswith("NOTE: "):
        return Notice(kind="note", message=plain[6:].strip(), line=number, text=line)
    return Notice(kind="error", message=line.strip(), line=number, text=line)


def take_message(source: Source, offset: int, line: str) -> bool:
    """Keep what crash said between the rows; marks the answer unless it is a note."""
    if names_place(line):
        source.complete = False
        return True
    if not is_message(source, line):
        return False
    notice = message_notice(source, line, source.position(offset)[0])
    source.warnings.append(notice)
    source.complete = source.complete and notice.kind != "error"
    return True


def demand_records(source: Source, records: list[R], reason: str = "no record in this output") -> list[R]:
    """The records; ParseError where there is none (then what crash said is a failure, not an answer)."""
    if records or (source.lenient and source.warnings):
        return records
    spoken = next((notice for notice in source.warnings if notice.line is not None), None)
    if spoken is None:
        source.fail(0, reason)
    raise ParseError(source.command.text, spoken.line or 1, 1, spoken.text or "...", reason)


def rows_or_hole(source: Source, records: list[R]) -> list[R]:
    """The rows below a header; none at all is a hole: crash 9.0.1 and later say nothing of excluded pages."""
    if not records and not source.warnings:
        source.note("partial", "a header without rows", line=1, incomplete=True)
        return records
    return demand_records(source, records)
