"""What every parser module is made of.

A parser module is named after crash's command (``parsers/ps.py``), is found by its name alone, and holds

- its record types (subclasses of `Record`),
- its grammar: functions that put elements of `crashdrive.parsers.grammar` together,
- ``SHAPES``: the shapes of its output, of which the first that fits is taken,
- ``EXAMPLES``: command lines that ``scripts/record`` records as golden files; ``{name}`` stands for
  an address or name that the recorder looks up (see ``scripts/record --help``).

The options of crash's own commands are listed in `crashdrive.commandline`. A module from outside gives its
command's options as ``OPTSTRING``, in the form of getopt(3).
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from crashdrive.commandline import CommandLine
from crashdrive.errors import ParseError
from crashdrive.records import Answer, Notice

if TYPE_CHECKING:
    from pyparsing import ParserElement


MOST_NOTICES = 1000
"""The most notices of an answer: further lines that lenient mode sets aside are only counted."""


class Source:
    """The input of a parse: command line, text, and whether doubtful lines may be set aside."""

    def __init__(self, command: CommandLine, text: str, *, lenient: bool = False) -> None:
        self.command = command
        self.text = text
        self.lenient = lenient
        self.warnings: list[Notice] = []
        self.untold = 0  # lines set aside beyond `MOST_NOTICES`
        self.complete = True
        self.many_tasks = False  # the command ran under foreach, which chose its tasks
        self._starts: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column (from 1) of an offset in the text."""
        if self._starts is None:
            lines = self.text.split("\n")
            self._starts = list(itertools.accumulate((len(line) + 1 for line in lines[:-1]), initial=0))
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset in the text of a line and column (from 1)."""
        self.position(0)
        return (self._starts or [0])[line - 1] + column - 1

    def line_at(self, offset: int) -> str:
        """The whole line around an offset."""
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        return self.text[start : end if end >= 0 else len(self.text)]

    def fail(self, offset: int, reason: str) -> NoReturn:
        """Raise ParseError for the text at ``offset``."""
        line, column = self.position(min(offset, len(self.text)))
        raise ParseError(self.command.text, line, column, self.line_at(offset), reason)

    def reject(self, offset: int, reason: str) -> None:
        """Reject a line that the grammar doesn't know: an error; in lenient mode a notice that marks the
        answer.
        """
        if not self.lenient:
            self.fail(offset, reason)
        line, column = self.position(min(offset, len(self.text)))
        message = f"column {column}: {reason}"
        self.keep(Notice(kind="unparsed", message=message, line=line, text=self.line_at(offset)))
        self.complete = False

    def keep(self, notice: Notice) -> None:
        """Add a notice; after `MOST_NOTICES`, one for a line that was set aside is only counted."""
        if notice.kind == "unparsed" and len(self.warnings) >= MOST_NOTICES:
            self.untold += 1
        else:
            self.warnings.append(notice)

    def note(
        self,
        kind: str,
        message: str,
        *,
        line: int | None = None,
        text: str | None = None,
        incomplete: bool = False,
    ) -> None:
        """Add a notice to the answer; with ``incomplete`` the answer is marked as such."""
        self.warnings.append(Notice(kind=kind, message=message, line=line, text=text))
        self.complete = self.complete and not incomplete

    def lines(self) -> Iterable[tuple[int, str]]:
        """(offset, line without its newline) of each line; a last newline makes no empty line."""
        offset = 0
        for line in self.text.split("\n"):
            if offset == len(self.text) and not line:
                return
            yield offset, line
            offset += len(line) + 1


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One shape of a command's output.

    ``record`` is the record type (a union for mixed outputs). ``grammar`` is a function without arguments
    that gives the grammar of the text (`crashdrive.parsers.grammar`); it is called when such a text is first
    read. ``finish`` checks or completes the grammar's records; the source has all notices by then. ``parse``
    is for parsers from outside that have no grammar: a function that makes records of a `Source`. ``when``
    decides by the command line (and, where it must, by the text) whether an output has this shape.
    ``options`` tells people which command lines give it.
    """

    name: str
    record: Any
    grammar: Callable[[], ParserElement] | None = None
    finish: Callable[[Source, list[Any]], Sequence[Any]] | None = None
    parse: Callable[[Source], Sequence[Any]] | None = None
    options: str
    when: Callable[[Source], bool] = lambda _source: True


def make_answer(source: Source, shape: str, records: Sequence[Any]) -> Answer[Any]:
    """The answer of these records, with the source's notices and completeness."""
    if source.untold:
        message = f"{source.untold} more lines were set aside"
        source.note("unparsed", message, incomplete=True)
    return Answer(
        command=source.command.text,
        shape=shape,
        complete=source.complete,
        warnings=tuple(source.warnings),
        records=tuple(records),
    )
