"""Text of crash's commands -> typed records. Pure: no I/O, no session.

``parse("ps -k", text)`` gives an `Answer`; the module for a command is found by the command's name.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import Any

import msgspec

from crashdrive.errors import ParseError, UsageError
from crashdrive.parsers.base import Shape, Source, canonical_words, make_answer, split_command
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
        raise UsageError(f"no parser for crash's command {name!a}; `crashdrive parse --list` shows all")
    return importlib.import_module(f"{__name__}.{name}")


def choose_shape(source: Source, shapes: tuple[Shape, ...]) -> Shape:
    """The first shape that fits; ParseError when none does."""
    fitting = next((shape for shape in shapes if shape.when(source)), None)
    return fitting or source.fail(0, "no known shape of this command's output")


def parse(command: str, text: str, *, lenient: bool = False) -> Answer[Any]:
    """Records out of the text that ``command`` printed.

    Strict: text that the grammar doesn't know is a ParseError with line and column. With ``lenient`` the
    rows that are sure are kept, the others stand in ``warnings`` as raw text and the answer is not complete.
    """
    words = canonical_words(command)
    if not words:
        raise UsageError("an empty command has no output to parse")
    if words[0] not in command_names() and (answer := _parse_structure(command, text, lenient=lenient)):
        return answer
    module = module_for(words[0])
    source = Source(split_command(command, getattr(module, "OPTSTRING", "")), text, lenient=lenient)
    try:
        _refuse_foreign(source)
        shape = choose_shape(source, module.SHAPES)
        return make_answer(source, shape.name, shape.parse(source))
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


def _parse_structure(command: str, text: str, *, lenient: bool) -> Answer[Any] | None:
    """``task_struct.pid ADDR``: crash takes a structure's name for a command; None where the text is none."""
    module = module_for("struct")
    line = split_command(f"struct {command}", module.OPTSTRING)
    source = Source(msgspec.structs.replace(line, text=command), text, lenient=lenient)
    shape = next((shape for shape in module.SHAPES if shape.when(source)), None)
    return make_answer(source, shape.name, shape.parse(source)) if shape else None
