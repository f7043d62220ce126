"""Text of crash's commands -> typed records. Pure: no I/O, no session.

``parse("ps -k", text)`` gives an `Answer`; the module for a command is found by the command's name.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re
from types import ModuleType
from typing import Any

from msgspec.structs import replace

from crashdrive.commandline import CommandLine, command_line, split_command
from crashdrive.errors import ParseError, UsageError
from crashdrive.parsers.base import Shape, Source, make_answer
from crashdrive.parsers.grammar.chatter import quieted
from crashdrive.parsers.grammar.shapes import read_shape
from crashdrive.records import Answer

__all__ = ["choose_shape", "command_names", "module_for", "parse"]

_NO_COMMANDS = frozenset({"base", "grammar"})


@functools.cache
def command_names() -> tuple[str, ...]:
    """All commands that have a parser, sorted; nothing is imported for this."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if name not in _NO_COMMANDS and not name.startswith("_")))


def module_for(name: str) -> ModuleType:
    """The parser module of a crash command (only that one is imported)."""
    if name not in command_names():
        raise _no_parser(name)
    return importlib.import_module(f"{__name__}.{name}")


def _no_parser(name: str) -> UsageError:
    return UsageError(f"no parser for crash's command {name!a}; `crashdrive parse --list` shows all")


def choose_shape(source: Source, shapes: tuple[Shape, ...]) -> Shape:
    """The first shape that fits; ParseError when none does."""
    fitting = next((shape for shape in shapes if shape.when(source)), None)
    return fitting or source.fail(0, _unfitting(source))


def _unfitting(source: Source) -> str:
    words = command_line(source.command.text).words
    if words[:1] == (source.command.name,):
        return "no known shape of this command's output"
    return (
        f"no parser for crash's command {words[0]!a}, and this is nothing that `struct {words[0]!a}` prints"
    )


def parse(command: str | CommandLine, text: str, *, lenient: bool = False) -> Answer[Any]:
    """Records out of the text that ``command`` printed.

    Strict: text that the grammar doesn't know is a ParseError with line and column. With ``lenient`` the
    rows that are sure are kept, the others stand in ``warnings`` as raw text and the answer is not complete.
    Blank lines around the text mean nothing where the command's grammar knows none there. Debug lines of
    crash and questions of gdb, which may break into any output, are left out and told in ``warnings``.
    """
    line = command_line(command) if isinstance(command, str) else command
    quiet = quieted(line, text)
    if quiet is None:
        return _parse_within_blanks(line, text, lenient=lenient)
    try:
        answer = _parse_within_blanks(line, quiet.text, lenient=lenient)
    except ParseError as error:
        raise quiet.error(error) from None
    return replace(answer, warnings=quiet.moved(answer.warnings))


def _parse_within_blanks(line: CommandLine, text: str, *, lenient: bool) -> Answer[Any]:
    start, end = _outer_blanks(text)
    bare = text[start:end]
    if not bare or bare == text:
        return _parse(line, text, lenient=lenient)
    above = text.count("\n", 0, start)
    try:
        answer = _parse(line, text, lenient=lenient)
        if not lenient or not any(
            note.text is not None and not note.text.strip() for note in answer.warnings
        ):
            return answer
        return _moved(_parse(line, bare, lenient=True), above)
    except ParseError as error:
        # An error further down is about what stands there: then blank lines may tell where something ends.
        if above + 1 < error.line <= above + bare.count("\n"):
            raise
        try:
            return _moved(_parse(line, bare, lenient=False), above)
        except ParseError:
            raise error from None


_BLANK_LINES = re.compile(r"(?:[ \t]*+\n)*+")


def _outer_blanks(text: str) -> tuple[int, int]:
    """Where the text begins and ends without the blank lines around it."""
    start = _BLANK_LINES.match(text).end()  # type: ignore[union-attr] # it matches nothing at all, too
    newline = text.find("\n", len(text.rstrip(" \t\n")))
    return start, max(start, newline + 1 if newline >= 0 else len(text))


def _moved(answer: Answer[Any], lines: int) -> Answer[Any]:
    """The answer with its notices so many lines further down."""
    if not lines:
        return answer
    notices = (replace(note, line=note.line and note.line + lines) for note in answer.warnings)
    return replace(answer, warnings=tuple(notices))


def _parse(line: CommandLine, text: str, *, lenient: bool) -> Answer[Any]:
    if not line.words:
        raise UsageError("an empty command has no output to parse")
    module, source = _source(line, text, lenient=lenient)
    try:
        _refuse_foreign(source)
        shape = choose_shape(source, module.SHAPES)
        return _answer(source, shape)
    except ParseError as error:
        if not lenient:
            raise
        source.note("unparsed", error.reason, line=error.line, text=error.text, incomplete=True)
        return make_answer(source, module.SHAPES[0].name, ())


def _refuse_foreign(source: Source) -> None:
    """What crash never prints: NULs, and CR before every LF; something between changed the text."""
    text = source.text
    if "\0" in text and not source.lenient:
        source.fail(text.index("\0"), "a NUL, which crash never prints")
    if 0 < text.count("\r\n") == text.count("\n"):
        source.fail(text.index("\r"), "the lines end in CR LF; crash ends them in LF")


def _source(line: CommandLine, text: str, *, lenient: bool) -> tuple[ModuleType, Source]:
    """The module for a command line, and what it has to work on.

    ``task_struct.pid ADDR``: crash takes a structure's name for a command, as if ``struct`` stood before it.
    """
    if line.name in command_names():
        module = module_for(line.name)
        return module, Source(line.with_options(getattr(module, "OPTSTRING", "")), text, lenient=lenient)
    module = module_for("struct")
    meant = replace(split_command(f"struct {line.text}", module.OPTSTRING), text=line.text)
    source = Source(meant, text, lenient=lenient)
    if not _means_structure(line.words) and not any(shape.when(source) for shape in module.SHAPES):
        raise _no_parser(line.name)
    return module, source


def _means_structure(words: tuple[str, ...]) -> bool:
    """Whether a line that begins with no command's name means a structure, whatever was printed for it.

    Names of commands and aliases have no dot in them, and a bare word may be anything.
    """
    return "." in words[0] or (len(words) > 1 and not words[1].startswith("-"))


def _answer(source: Source, shape: Shape) -> Answer[Any]:
    """What the shape reads; crash ends its lines, so that a last one that is open may be cut short."""
    records = read_shape(shape, source)
    if (
        source.complete
        and source.text
        and source.text[-1] != "\n"
        and not source.command.ends_openly(source.text)
    ):
        message = "no newline behind the last line: it may be cut short"
        source.note("partial", message, line=source.text.count("\n") + 1, incomplete=True)
    return make_answer(source, shape.name, records)
