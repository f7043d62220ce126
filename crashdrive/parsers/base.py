"""What every parser module is made of, and the one place that calls pyparsing.

A parser module is named after crash's command (``parsers/ps.py``), is found by its name alone, and holds

- its records (subclasses of `Record`),
- ``OPTSTRING``: the command's options as crash gives them to getopt(3),
- ``SHAPES``: the shapes of its output, the first one that fits is taken,
- ``EXAMPLES``: command lines that ``scripts/record`` records as golden files; ``{name}`` stands for
  an address or name that the recorder looks up (see ``scripts/record --help``).
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from crashdrive.errors import ParseError
from crashdrive.records import Answer, Notice

if TYPE_CHECKING:
    from pyparsing import ParserElement

# crash's own aliases (its alias_init()), as far as they stand for another command's output
ALIASES: dict[str, str] = {
    "*": "struct",
    "?": "help",
    "dec": "set radix 10",
    "dmesg": "log",
    "for": "foreach",
    "g": "gdb",
    "hex": "set radix 16",
    "last": "ps -l",
    "lsmod": "mod",
    "man": "help",
    "pd": "p -d",
    "px": "p -x",
    "sf": "set scroll off",
    "size": "struct",
    "sn": "set scroll on",
    "union": "struct",
}


_WORD = re.compile(r"(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\"[^\"]*\"|'[^']*'|[^\s\"'])+|[\"'].*")


class CommandLine(msgspec.Struct, frozen=True):
    """A crash command line, taken apart as crash does.

    ``options`` maps each option letter to its argument ("" where it takes none); ``arguments`` are
    the rest.
    """

    text: str
    name: str
    options: dict[str, str]
    arguments: tuple[str, ...]

    def has(self, letters: str) -> bool:
        """Whether any of these option letters was given."""
        return any(letter in self.options for letter in letters)


def split_words(text: str) -> tuple[str, ...]:
    """The words of a command line; quotes and parentheses hold a word together."""
    return tuple(_WORD.findall(text.strip()))


def canonical_words(text: str) -> tuple[str, ...]:
    """The words of a command line with crash's built-in alias resolved; ``*foo`` is ``struct foo``."""
    words = split_words(text)
    if not words:
        return ()
    if words[0].startswith("*") and len(words[0]) > 1:
        words = ("*", words[0][1:], *words[1:])
    target = ALIASES.get(words[0])
    return (*target.split(), *words[1:]) if target else words


def split_command(text: str, optstring: str = "") -> CommandLine:
    """Take a command line apart with the command's getopt string (options may follow arguments)."""
    words = _before_pipe(canonical_words(text))
    options: dict[str, str] = {}
    arguments: list[str] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if len(word) > 1 and word[0] == "-" and optstring and not word.startswith("--"):
            _take_cluster(word[1:], optstring, options, rest)
        else:
            arguments.append(word)
    return CommandLine(text, words[0] if words else "", options, tuple(arguments))


def _before_pipe(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of crash's own command, without the shell's part behind ``|`` or ``>``."""
    ends = (place for place, word in enumerate(words) if place and word in {"|", ">", ">>"})
    return words[: next(ends, len(words))]


def _take_cluster(cluster: str, optstring: str, options: dict[str, str], rest: list[str]) -> None:
    for position, letter in enumerate(cluster):
        place = optstring.find(letter)
        takes = place >= 0 and optstring[place + 1 : place + 2] == ":"
        if not takes:
            options[letter] = ""
            continue
        glued = cluster[position + 1 :]
        optional = optstring[place + 1 : place + 3] == "::"  # takes no word of its own, as in getopt(3)
        options[letter] = glued if glued or optional or not rest else rest.pop(0)
        return


class Source:
    """What a parse function works on: command line, text, and whether doubtful lines may be set aside."""

    def __init__(self, command: CommandLine, text: str, *, lenient: bool = False) -> None:
        self.command = command
        self.text = text
        self.lenient = lenient
        self.warnings: list[Notice] = []
        self.complete = True
        self.many_tasks = False  # the command ran under foreach, which chose the tasks
        self._starts: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column (from 1) of an offset in the text."""
        if self._starts is None:
            self._starts = [0, *(m.end() for m in re.finditer("\n", self.text))]
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

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
        """A line that the grammar doesn't know: an error; in lenient mode set aside as a notice, marked."""
        if not self.lenient:
            self.fail(offset, reason)
        line, column = self.position(min(offset, len(self.text)))
        self.note(
            "unparsed", f"column {column}: {reason}", line=line, text=self.line_at(offset), incomplete=True
        )

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

    ``record`` is the record type (a union for mixed outputs); ``parse`` turns a Source into records;
    ``when`` decides from the command line (and, where it must, the text) whether it is this shape;
    ``options`` tells people which command lines give it.
    """

    name: str
    record: Any
    parse: Callable[[Source], Sequence[Any]]
    options: str
    when: Callable[[Source], bool] = lambda _source: True


def run_grammar(grammar: ParserElement, source: Source, text: str | None = None, base: int = 0) -> list[Any]:
    """Parse all of the source's text with a pyparsing grammar, or ``text``, which starts at ``base`` of it.

    All input must be consumed. Tabs stay tabs, no global default of pyparsing is touched. A grammar that
    gives up, or recurses too deep, becomes a ParseError with the place. Results are those of the grammar's
    parse actions, as a plain list.
    """
    from pyparsing import ParseBaseException

    grammar.parse_with_tabs()
    try:
        return list(grammar.parse_string(source.text if text is None else text, parse_all=True))
    except ParseBaseException as error:
        source.fail(base + error.loc, _expected(error))
    except RecursionError:
        source.fail(base, "nested too deeply")


def _expected(error: Any) -> str:
    message = " ".join(str(error.msg).split())
    return message[:160] if message else "unexpected text"


def make_answer(source: Source, shape: str, records: Sequence[Any]) -> Answer[Any]:
    """The answer that a source gave."""
    return Answer(
        command=source.command.text,
        shape=shape,
        complete=source.complete,
        warnings=tuple(source.warnings),
        records=tuple(records),
    )
