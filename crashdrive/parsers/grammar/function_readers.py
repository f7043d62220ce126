"""Elements that a function reads, where no regular expression can; C declarations, a task's header."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.declarations import split_declaration
from crashdrive.parsers.grammar.tasks import TASK, header_of
from crashdrive.parsers.grammar.terminals import Made, Row, Terminal

Read = Callable[[Source, int], tuple[Any, int] | None]
"""(source, offset in its text) -> (value, the offset behind it); None, or ParseError, where none stands
there.
"""


class Reader(Terminal):
    """An element that is read by a function: ``Reader(read, "a value of gdb")``. Notices that the function
    adds to the source are kept as all others.

    The function's ParseError gives the place and the expectation. ``several``: the function gives a list of
    values.
    """

    leaves_notices = True
    several = False
    """Whether the function gives a list of values, and not one value."""

    def __init__(self, read: Read, what: str, start: str = r"(?s:.)", *, several: bool | None = None) -> None:
        super().__init__(f"(?={start})", what)
        self._read = read
        self.several = self.several if several is None else several

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        if self.match(instring, loc) is None:
            self.miss(instring, loc)
        text = Text.of(instring)
        source = text.source
        complete, count = source.complete, len(source.warnings)
        try:
            found = self.found(text, text.base + loc)
        except ParseError as error:
            self.miss(text, max(loc, text.place_of(error)), error.reason)
        finally:
            notices, marked = source.warnings[count:], complete and not source.complete
            del source.warnings[count:]
            source.complete = complete
        if found is None:
            self.miss(instring, loc)
        value, end = found
        values = value if self.several else [value]
        if do_actions:
            text.remarks(loc, notices, incomplete=marked)
            if marked and not notices:
                text.remark(loc, None, incomplete=True)
        return end - text.base, values

    def found(self, text: Text, offset: int) -> tuple[Any, int] | None:
        """(value, the offset behind it) at an offset of the source; None, or ParseError, where none stands
        there.
        """
        return self._read(text.source, offset)


def c_declaration(what: str = "a declaration in C") -> Reader:
    """``struct list_head *next;``: (name, type) as `split_declaration` has them; a whole line."""
    return Reader(_declaration, what)


def _declaration(source: Source, offset: int) -> tuple[Any, int] | None:
    line = source.line_at(offset)
    found = split_declaration(line.strip().removesuffix(";"))
    return None if found is None else (found, min(offset + len(line) + 1, len(source.text)))


def task_header(what: str = "a task's header line", *, indent: str = "") -> Row:
    """``PID: 1  TASK: ffff...  CPU: 0  COMMAND: "init"``: a `TaskHeader`; ``indent``: an expression."""
    return Row(f"{indent}{TASK}", header_of, what)
