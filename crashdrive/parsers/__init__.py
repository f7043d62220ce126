"""Text of crash's commands -> typed records. Pure: no I/O, no session.

``parse("ps -k", text)`` gives an `Answer`; the module for a command is found by the command's name. For a
command without one, parsers from outside are looked for (`crashdrive.plugins`).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from crashdrive.commandline import CommandLine, command_line, split_command
from crashdrive.errors import ParseError, UsageError
from crashdrive.expressions import expression
from crashdrive.parsers.base import Shape, Source, make_answer
from crashdrive.parsers.grammar.blanks import moved, outer_blanks
from crashdrive.parsers.grammar.chatter import Quieted, quieted
from crashdrive.parsers.grammar.shapes import read_shape
from crashdrive.records import Answer

if TYPE_CHECKING:
    from crashdrive.parsers._foreign import Grammar
    from crashdrive.plugins import Found, Plugin

__all__ = ["choose_shape", "command_names", "foreign_parsers", "module_for", "parse", "parse_quiet"]

_NO_COMMANDS = frozenset({"base", "grammar"})


@functools.cache
def command_names() -> tuple[str, ...]:
    """All commands that have a parser, sorted; nothing is imported for this."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if name not in _NO_COMMANDS and not name.startswith("_")))


@functools.cache
def _own_names() -> frozenset[str]:
    return frozenset(command_names())


def module_for(name: str) -> Any:
    """The parser module of a crash command (only that one is imported).

    UsageError where there is none, PluginError for one from outside that is broken.
    """
    if name in _own_names():
        return _own_module(name)
    plugin = _plugin(name)
    if plugin is None:
        raise _no_parser(name)
    from crashdrive.parsers._foreign import module_of

    return module_of(plugin)


@functools.cache
def _own_module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")


def foreign_parsers() -> Found:
    """Parsers from outside, and those that were refused; none of their code is run."""
    from crashdrive.parsers._foreign import found

    return found(command_names())


def _plugin(name: str) -> Plugin | None:
    from crashdrive.parsers._foreign import plugin_name

    return foreign_parsers().plugins.get(plugin_name(name))


def _no_parser(name: str) -> UsageError:
    refused = "".join(f"; {line}" for line in foreign_parsers().refused)
    return UsageError(f"no parser for crash's command {name!a}; `crashdrive parse --list` shows all{refused}")


def choose_shape(source: Source, shapes: tuple[Shape, ...]) -> Shape:
    """The first shape that fits; ParseError when none does."""
    for shape in shapes:
        if shape.when(source):
            return shape
    return source.fail(0, _unfitting(source))


def _unfitting(source: Source) -> str:
    words = command_line(source.command.text).words
    if words[:1] == (source.command.name,):
        return "no known shape of this command's output"
    return (
        f"no parser for crash's command {words[0]!a}, and this is nothing that `struct {words[0]!a}` prints"
    )


def parse(
    command: str | CommandLine, text: str, *, lenient: bool = False, grammar: Grammar | None = None
) -> Answer[Any]:
    """The records in the text that ``command`` printed.

    Strict: text that the grammar doesn't know is a ParseError with line and column. With ``lenient`` sure
    rows are kept; other lines become ``warnings``, as raw text, and the answer is incomplete. After a
    thousand notices, the last one says how many further lines were set aside. Blank lines around the text are
    ignored where the command's grammar has none there. Debug lines of crash and questions of gdb, which may
    break into any output, are removed and named in ``warnings``. ``grammar`` replaces the command's own: an
    element of `crashdrive.parsers.grammar` or of pyparsing (no white space is skipped), a function that gives
    one, or a `Shape`; it isn't changed.
    """
    line = command_line(command) if isinstance(command, str) else command
    return parse_quiet(line, text, quieted(line, text), lenient=lenient, grammar=grammar)


def parse_quiet(
    line: CommandLine,
    text: str,
    quiet: Quieted | None,
    *,
    lenient: bool = False,
    grammar: Grammar | None = None,
) -> Answer[Any]:
    """`parse` for a text whose chatter was removed: ``quiet`` is the result of `quieted`."""
    reader = _reader(line) if grammar is None else _reader_by(grammar)
    if quiet is None:
        return _parse_within_blanks(reader, line, text, lenient=lenient)
    try:
        answer = _parse_within_blanks(reader, line, quiet.text, lenient=lenient)
    except ParseError as error:
        raise quiet.error(error) from None
    return replace(answer, warnings=quiet.moved(answer.warnings))


def _parse_within_blanks(reader: _Reader, line: CommandLine, text: str, *, lenient: bool) -> Answer[Any]:
    start, end = outer_blanks(text)
    bare = text[start:end]
    if not bare or bare == text:
        return _parse(reader, line, text, lenient=lenient)
    above = text.count("\n", 0, start)
    try:
        answer = _parse(reader, line, text, lenient=lenient)
        if not lenient or not any(
            note.text is not None and not note.text.strip() for note in answer.warnings
        ):
            return answer
        return moved(_parse(reader, line, bare, lenient=True), above)
    except ParseError as error:
        # An error further down is about that line; blank lines may then tell where a part ends.
        if above + 1 < error.line <= above + bare.count("\n"):
            raise
        try:
            return moved(_parse(reader, line, bare, lenient=False), above)
        except ParseError:
            raise error from None


class _Reader(NamedTuple):
    """The reader of a command's output: its shapes, its options (None: the command's own, in
    `crashdrive.commandline`), the plugin that they come from.

    ``structure``: the shapes are those of ``struct``, for a line that may mean something else.
    """

    shapes: tuple[Shape, ...]
    optstring: str | None = ""
    plugin: Plugin | None = None
    structure: bool = False


def _parse(reader: _Reader, line: CommandLine, text: str, *, lenient: bool) -> Answer[Any]:
    reader, source = _read_as(reader, line, text, lenient=lenient)
    try:
        _refuse_foreign(source)
        if reader.plugin is None:
            return _answer(source, choose_shape(source, reader.shapes))
        with _blamed(reader.plugin):
            return _answer(source, choose_shape(source, reader.shapes))
    except ParseError as error:
        if not lenient:
            raise
        source.note("unparsed", error.reason, line=error.line, text=error.text, incomplete=True)
        return make_answer(source, reader.shapes[0].name, ())


def _refuse_foreign(source: Source) -> None:
    """ParseError for text that crash never prints, with NULs, or CR before every LF: something changed it."""
    text = source.text
    if "\0" in text:
        source.reject(text.index("\0"), "a NUL, which crash never prints")
    # one character is looked for faster than two
    if "\r" in text and "\r\n" in text and text.count("\r\n") == text.count("\n"):
        source.fail(text.index("\r"), "the lines end in CR LF; crash ends them in LF")


def _blamed(plugin: Plugin) -> contextlib.AbstractContextManager[None]:
    from crashdrive.plugins import blamed

    return blamed(plugin)


def _reader(line: CommandLine) -> _Reader:
    """The reader of a command line's output.

    ``task_struct.pid ADDR``, ``init_mm``: crash takes a structure's or a symbol's name for a command, as if
    ``struct`` or ``p`` stood before it.
    ``gdb NAME``: a command that somebody defined in gdb may have a parser from outside.
    """
    if not line.words:
        raise UsageError("an empty command has no output to parse")
    plugin = _plugin_of(line)
    if plugin is not None:
        from crashdrive.parsers._foreign import module_of

        module = module_of(plugin)
        return _Reader(module.SHAPES, getattr(module, "OPTSTRING", ""), plugin)
    return _own_reader(line.name)


@functools.lru_cache(maxsize=256)
def _own_reader(name: str) -> _Reader:
    """The reader for a command of crash, or for a structure's name."""
    known = name in _own_names()
    module = module_for(name if known else "struct")
    return _Reader(module.SHAPES, None, structure=not known)


def _reader_by(grammar: Grammar) -> _Reader:
    from crashdrive.parsers._foreign import shape_of

    return _Reader((shape_of(grammar),))


def _plugin_of(line: CommandLine) -> Plugin | None:
    """The parser from outside for a command line."""
    if line.name == "gdb" and len(line.words) > 1:
        return None if _OF_GDB.fullmatch(line.words[1]) else _plugin(line.words[1])
    return None if line.name in _own_names() or "." in line.words[0] else _plugin(line.name)


# gdb's own commands that people run through crash: no need to look for a parser from outside
_OF_GDB = expression(
    r"(?:p|print|ptype|whatis|info|x|list|disassemble|output|printf|set|show|help)(?:/\w*)?", re.ASCII
)


def _read_as(reader: _Reader, line: CommandLine, text: str, *, lenient: bool) -> tuple[_Reader, Source]:
    """A line's reader and source. A line whose first word is no command is either gdb's (``x/4xg ADDR``), or
    crash runs it as ``p LINE``, ``struct LINE`` or ``whatis LINE``: the printed text tells which.
    """
    if not reader.structure:
        return reader, Source(line.with_options(reader.optstring), text, lenient=lenient)
    of_gdb = _OF_GDB.fullmatch(line.words[0]) is not None
    sure = not of_gdb and _means_structure(line.words)
    name = next((name for name, begins in _MEANT if not sure and begins.match(text)), "struct")
    name = "gdb" if of_gdb else name
    source = Source(replace(split_command(f"{name} {line.text}"), text=line.text), text, lenient=lenient)
    meant = _own_reader(name)
    if not sure and not any(shape.when(source) for shape in meant.shapes):
        raise _no_parser(line.name)
    return meant, source


_MEANT = (
    (
        "p",
        expression(
            r"\s*(?:per_cpu\([\w.$]+, \d+\) = |[A-Za-z_.$][\w.$]* = )?\$\d+ =[ \n]|PER-CPU DATA TYPE:\n",
            re.ASCII,
        ),
    ),
    ("whatis", expression(r"\s*typedef ", re.ASCII)),
)


def _means_structure(words: tuple[str, ...]) -> bool:
    """Whether a line whose first word is no command means a structure, whatever was printed.

    A dot in the first word tells it, as commands and aliases have none in their names; so does an argument. A
    bare word may mean anything.
    """
    return "." in words[0] or (len(words) > 1 and not words[1].startswith("-"))


def _answer(source: Source, shape: Shape) -> Answer[Any]:
    """The answer of a shape; crash ends all lines, so a last line without a newline may be cut short."""
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
