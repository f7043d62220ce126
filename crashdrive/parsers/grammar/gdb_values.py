r"""gdb's values as elements of a grammar: a value, lines of members, a whole structure.

::

    struct list_head {          Structure()     -> (name, {"next": 1, "prev": 2})
      next = 0x1,
      prev = 0x2
    }
      pid = 1,                  Members()       -> {"pid": 1, "comm": "init"}
      comm = "init\\000"
    {1, 2}                      GdbValue()      -> [1, 2]

`ValueReader` reads values. Each text has one, as its budget of repeated elements is for all values together.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Collection
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.expressions import expression
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.function_readers import Reader
from crashdrive.parsers.grammar.terminals import Terminal
from crashdrive.parsers.grammar.values import ValueReader

ReadValue = Callable[[ValueReader, int], tuple[Any, int]]
"""(reader, offset) -> (value, where it ended)."""

_MEMBER = expression(r"[ ]{0,40}([A-Za-z_][\w.]*(?:\[\d+\][\w.]*)*) =\s*+", re.ASCII)
# Most members: a number or a text without escapes, and the end of its line.
_SIMPLE = expression(
    r"[ ]{0,40}([A-Za-z_][\w.]*(?:\[\d+\][\w.]*)*) = "
    r"(?:(0x[0-9a-f]{1,32}+)|(-?(?!0[0-9])[0-9]{1,40}+)|\"([^\"\\\n]*+)\"),?[ \t]*+(?:\n|\Z)",
    re.ASCII,
)
_HEAD = expression(r"((?:struct|union) ([A-Za-z_]\w{0,255})) (?=[{<])", re.ASCII)
_LINE_END = expression(r",?[ \t]*+(?:\n|\Z)")


def values_of(text: Text) -> ValueReader:
    """The reader of all values of this text."""
    reader = text.kept.get(ValueReader)
    if reader is None:
        reader = text.kept[ValueReader] = ValueReader(text.source)
    return reader


class GdbValue(Reader):
    """A value as gdb prints it (numbers, texts, ``{...}``), up to its end: see `ValueReader`."""

    def __init__(self, what: str = "a value of gdb") -> None:
        super().__init__(_plain, what)

    def found(self, text: Text, offset: int) -> tuple[Any, int] | None:
        """The value."""
        return values_of(text).value(offset)


def _plain(source: Source, offset: int) -> tuple[Any, int]:
    return ValueReader(source).value(offset)


class Members(Reader):
    """Lines of ``NAME = VALUE``, with or without commas, as dicts by name.

    Ends at the first other line, and at a member that isn't among the names that ``asked(source)`` gives (no
    names: any member). A name that comes again begins the next structure's dict; with ``one`` (all lines are
    of one structure) that is an error. ``reading(source)`` gives the function for reading values, where crash
    prints them and not gdb.
    """

    several = True

    def __init__(
        self,
        what: str = "a member: NAME = VALUE",
        *,
        asked: Callable[[Source], Collection[str]] = lambda _source: (),
        one: bool = False,
        reading: Callable[[Source], ReadValue] | None = None,
    ) -> None:
        super().__init__(_plain, what, start=_MEMBER.pattern)
        self._asked = asked
        self._one = one
        self._reading = reading

    def found(self, text: Text, offset: int) -> tuple[list[dict[str, Any]], int] | None:
        """The dicts of members, up to an unreadable value. That is an error with ``one``, and where no member
        stands before it.
        """
        source = text.source
        if self not in text.kept:
            text.kept[self] = self._prepared(text)
        asked, read = text.kept[self]
        simple = _SIMPLE.match if self._reading is None else _never
        of_simple = _SIMPLE.pattern
        members: dict[str, Any] = {}
        found = [members]
        whole = source.text
        while match := simple(whole, offset) or _MEMBER.match(whole, offset):
            # the names of all structures are shared: they would take more memory than the values
            name = sys.intern(match[1])
            if asked and name not in asked:
                break
            if name in members:
                if self._one:
                    source.fail(offset, f"a member stands twice: {name}")
                members = {}
                found.append(members)
            if match.re.pattern is of_simple:
                members[name] = _simple_value(match)
                offset = match.end()
                continue
            try:
                value, end = read(match.end())
                closing = _LINE_END.match(whole, end)
                if closing is None:
                    source.fail(end, "unexpected text after a value")
            except ParseError:
                if self._one or not found[0]:
                    raise
                break
            members[name] = value
            offset = closing.end()
        found = found if members else found[:-1]
        return (found, offset) if found else None

    def _prepared(self, text: Text) -> tuple[Collection[str], Callable[[int], tuple[Any, int]]]:
        """The names that were asked for, and the function for reading values; both are the same for all of a
        text.
        """
        reader = values_of(text)
        asked = self._asked(text.source)
        if self._reading is None:
            return asked, reader.value
        return asked, functools.partial(self._reading(text.source), reader)


def _never(_text: str, _offset: int) -> None:
    """No match: values that crash prints have no simple form."""


def _simple_value(match: re.Match[str]) -> int | str:
    _, address, decimal, string = match.groups()
    if decimal is not None:
        return int(decimal)
    return int(address, 16) if string is None else string


class Structure(Reader):
    """``struct NAME {...}`` with the end of its line: (name, members).

    ``make(type, members)`` gives something else; the type is ``struct NAME``.
    """

    def __init__(
        self,
        what: str = "a structure: struct NAME {...}",
        make: Callable[[str, dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__(_plain, what, start=_HEAD.pattern)
        self._of = make

    def found(self, text: Text, offset: int) -> tuple[Any, int] | None:
        """Name and members, or what is made of type and members."""
        source = text.source
        head = _HEAD.match(source.text, offset)
        if head is None:
            return None
        members, end = values_of(text).value(head.end())
        if not isinstance(members, dict):
            source.fail(head.end(), "a structure without members")
        closing = _LINE_END.match(source.text, end)
        if closing is None:
            source.fail(end, "unexpected text after a value")
        value = (head[2], members) if self._of is None else self._of(head[1], members)
        return value, closing.end()


class LineEnd(Terminal):
    """The end of the line behind a value, behind its comma if it has one."""

    def __init__(self) -> None:
        super().__init__(_LINE_END.pattern, "the end of the line behind a value", keep=False)
