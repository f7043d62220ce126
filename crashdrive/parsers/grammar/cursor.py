"""Line by line through an output that is made of several parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import Table, is_elided
from crashdrive.parsers.grammar.rows import take_message
from crashdrive.records import Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")


LONGEST_NAME = 4096


class Cursor:
    """The lines of a source (or of a part of it), one after the other; ``line`` is None at the end."""

    def __init__(self, source: Source, start: int = 0, stop: int | None = None) -> None:
        self.source = source
        self._stop = len(source.text) if stop is None else stop
        self._lines = self._split(start)
        self.offset = start
        self.line: str | None = None
        self.advance()

    def _split(self, start: int) -> Iterator[tuple[int, str]]:
        text, stop = self.source.text, self._stop
        while start < stop:
            end = text.find("\n", start, stop)
            end = stop if end < 0 else end
            yield start, text[start:end]
            start = end + 1

    def advance(self) -> None:
        """Go to the next line."""
        self.offset, self.line = next(self._lines, (self._stop, None))

    def take(self) -> tuple[int, str]:
        """Offset and text of the current line; the cursor goes on. ParseError at the end of the text."""
        if self.line is None:
            self.source.fail(self.offset, "the output ends too early")
        taken = self.offset, self.line
        self.advance()
        return taken

    def match(self, pattern: re.Pattern[str], longest: int = 4096) -> re.Match[str] | None:
        """The current line's full match, and then the cursor goes on; else None."""
        line = self.line
        found = pattern.fullmatch(line) if line is not None and len(line) <= longest else None
        if found:
            self.advance()
        return found

    def skip_blank(self) -> bool:
        """Go behind blank lines; False at the end of the text."""
        while self.line is not None and not self.line.strip(" "):
            self.advance()
        return self.line is not None

    def at_text(self) -> bool:
        """Whether the current line is there and not blank."""
        return self.line is not None and bool(self.line.strip(" "))

    def skip_noise(self) -> bool:
        """Whether the current line is ``...`` or a message of crash itself; goes behind it, as a notice."""
        if self.line is None:
            return False
        taken = is_elided(self.source, self.offset, self.line) or take_message(
            self.source, self.offset, self.line
        )
        if taken:
            self.advance()
        return taken

    def skip_or_reject(self, reason: str) -> None:
        """Go behind noise; refuse any other line (lenient: set it aside)."""
        if not self.skip_noise():
            self.source.reject(self.offset, reason)
            self.advance()

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What ``read`` gives; None in lenient mode for a part that it can't read, which is set aside."""
        before = self.offset
        try:
            return read()
        except ParseError as error:
            if not self.source.lenient:
                raise
            self.source.note("unparsed", error.reason, line=error.line, text=error.text, incomplete=True)
        if self.offset == before:
            self.advance()
        return None

    def finish(self) -> None:
        """Only blank lines and noise may be left."""
        while self.skip_blank():
            self.skip_or_reject("text behind the end of the output")


def say_empty(source: Source, what: str) -> None:
    """crash printed nothing, as it does for what isn't there, and where it meets a page that isn't there.

    From crash 9 on a page that the dump lacks ends a command without a word: the answer is marked.
    """
    source.note(
        "empty", f"crash printed nothing: {what}, or what it needs isn't in the dump", incomplete=True
    )


def mark_unknown(source: Source, names: Iterable[str | None]) -> None:
    """Mark an answer with names that crash couldn't read."""
    unknown = sum(name == "(unknown)" for name in names)
    if unknown:
        source.note("unknown", f"crash couldn't read {unknown} names", incomplete=True)


_ADDRESS = re.compile(r"\b[0-9a-f]{8,16}\b")


def goes_on(cursor: Cursor, name: str | None) -> str | None:
    """A name with the current line behind it, for one that holds a newline; marks the answer.

    None, and the line is refused, where there is no name or where the line looks like a row that is damaged;
    and in lenient mode, which keeps what is sure.
    """
    line = cursor.line or ""
    if cursor.source.lenient or name is None or _ADDRESS.search(line) or len(line) > LONGEST_NAME:
        cursor.skip_or_reject("no row, and no part of a name that holds a newline")
        return None
    number = cursor.source.position(cursor.offset)[0]
    cursor.source.note("newline", "a name goes on in this line", line=number, text=line, incomplete=True)
    cursor.advance()
    return f"{name}\n{line}"


def read_table(cursor: Cursor, table: Table[R]) -> list[R]:
    """A table from its header down to a blank line or the text's end."""
    offset, header = cursor.take()
    layout = table.header(cursor.source, offset, header)
    rows: list[R] = []
    while (line := cursor.line) is not None and line.strip(" "):
        row = layout.match(line) if line != header else None
        if row is None:
            cursor.skip_or_reject(layout.reason)
            continue
        rows.append(row)
        cursor.advance()
    return rows


def only_table(source: Source, table: Table[R]) -> list[R]:
    """A text that is one table and nothing else."""
    cursor = Cursor(source)
    while cursor.skip_blank() and cursor.skip_noise():
        pass
    rows = read_table(cursor, table)
    cursor.finish()
    return rows
