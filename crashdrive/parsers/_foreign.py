"""Parsers from outside: modules like our own, in the user's folder or in packages; single grammars."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from crashdrive.errors import UsageError
from crashdrive.parsers.base import Shape
from crashdrive.plugins import Found, Plugin, find, load, plugin_folder

if TYPE_CHECKING:
    from pyparsing import ParserElement

    Grammar = Shape | ParserElement | Callable[[], ParserElement]
    """What a text is read by: a shape, an element, or a function that gives one."""


def found(taken: tuple[str, ...]) -> Found:
    """Parsers from outside, and those that were refused; none of their code is run. ``taken``: our own names.

    The result is kept until the user's folder or ``sys.path`` changes: each line that begins with a
    structure's name asks for it.
    """
    folder = plugin_folder()
    return _found(taken, folder, _changed(folder), tuple(sys.path))


@functools.lru_cache(maxsize=4)
def _found(taken: tuple[str, ...], *_place: object) -> Found:
    return find("parsers", taken=taken)


def _changed(folder: Path | None) -> tuple[int, ...]:
    """Values that change when a file is added to the folder of parsers, or its permissions change."""
    try:
        facts = (folder / "parsers").stat() if folder else None
    except OSError:
        return ()
    return (facts.st_mtime_ns, facts.st_mode) if facts else ()


def plugin_name(command: str) -> str:
    """The name under which a command's parser is found: ``Net_Top`` as ``net-top``."""
    return command.lower().replace("_", "-")


def module_of(plugin: Plugin) -> Any:
    """A plugin's module, run once; PluginError where it isn't what ``docs/extending.md`` describes."""
    return load(plugin, functools.partial(_wrong, plugin.name))


def _wrong(name: str, module: Any) -> str | None:
    """Why a module is no parser of that name; None if it is."""
    told = getattr(module, "NAME", None)
    if not isinstance(told, str) or plugin_name(told) != name:
        return f"its NAME is {told!a}, not {name!a}"
    shapes = getattr(module, "SHAPES", None)
    if not isinstance(shapes, tuple) or not shapes or not all(isinstance(shape, Shape) for shape in shapes):
        return "SHAPES is no tuple of Shape"
    if not all(shape.grammar or shape.parse for shape in shapes):
        return "a shape has no grammar"
    return None if isinstance(getattr(module, "OPTSTRING", ""), str) else "OPTSTRING is no text"


def shape_of(grammar: Grammar) -> Shape:
    """A shape that reads any text by a copy of this grammar. UsageError for what is no grammar."""
    if isinstance(grammar, Shape):
        copied = _copied(grammar.grammar) if grammar.grammar else None
        return replace(grammar, grammar=copied, when=lambda _source: True)
    return Shape(name="grammar", record=Any, grammar=_copied(_function(grammar)), options="")


def _function(grammar: Any) -> Callable[[], ParserElement]:
    if not callable(grammar):  # elements of pyparsing are callable, too
        raise UsageError(
            f"no grammar: {type(grammar).__name__}; it is an element, a function that gives one, or a Shape"
        )
    function: Callable[[], ParserElement] = grammar
    return function


@functools.lru_cache(maxsize=64)
def _copied(grammar: Any) -> Callable[[], ParserElement]:
    """A function that gives a copy of the grammar: preparing elements for reading changes them."""

    def made() -> ParserElement:
        from crashdrive.parsers.grammar.pyparsing_core import ParserElement

        element = grammar if isinstance(grammar, ParserElement) else grammar()
        if not isinstance(element, ParserElement):
            raise UsageError(f"no grammar: the function gave {type(element).__name__}")
        return copy.deepcopy(element)

    return made
