"""gdb's printed values: ``{a = 1, b = 0xffff... <symbol+8>, c = {0 <repeats 15 times>}, d = "text"}``.

A value becomes plain Python, and plain JSON, where these can express all of it:

- a structure or union: a dict by member name; members of anonymous structures and unions stand in the dict
  of what holds them, as in C; an empty one is ``{}``;
- an array: a list; ``<repeats N times>`` is written out (see `Repeated` for runs that are too long);
- an integer, a character (its code), a pointer of which gdb prints the address alone: int; ``true``: bool;
- text: str, bytes that are no UTF-8 as backslash escapes. NULs at the end of an array of characters are left
  out (gdb itself shows one less than there are, and none with ``null-stop``), NULs inside stay;
- ``void``: None;
- all else is a record that carries its kind in JSON under ``"$"``: `Pointer`, `Enumerators`, `Missing`,
  `Repeated`.

Hand-written over a few compiled regular expressions: pyparsing reads 0.1 MB/s of such text, token by token,
and ``struct task_struct`` of every task is megabytes. Nothing recurses: `MAX_DEPTH` alone bounds nesting.
Every pattern is possessive: the time is linear, also for a line of 10 MB.

Source: gdb's ``generic_val_print``, ``cp_print_value_fields``, ``generic_printstr`` (valprint.c,
cp-valprint.c), as gdb 7.6 (crash 7), 10.2 (crash 8) and 16.2 (crash 9) print with crash's settings.
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.expressions import expression
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.scalars import FUNCTION, REPEATS, ScalarReader
from crashdrive.parsers.grammar.value_records import (
    MAX_RUN,
    Enumerators,
    Missing,
    Pointer,
    Repeated,
    as_int,
    as_text,
)

MAX_DEPTH = 200
"""The most levels of braces; the kernel's own structures have fewer than 40."""

_SPACE = expression(r"\s*+", re.ASCII)
_NAME = expression(r"\s*+(?:([A-Za-z_$][\w$]*+)[ ]=\s*+)?", re.ASCII)
# Most values: a whole number (with its character), and the comma or brace that ends it. Octal numbers (010)
# are rare.
_PLAIN = expression(
    r"(?:(0x[0-9a-f]{1,32}+)|(-?(?!0[0-9])[0-9]{1,40}+))(?:[ ]'(?:\\[0-7]{3}|\\.|[^'\\\n])')?+"
    r"(?=[,}\n]|[ ]?+\Z|[ ]\n|\s++\})",
    re.ASCII,
)
# Such a number behind its name, with another element behind it.
_MEMBER = expression(
    r"\s*+(?:([A-Za-z_$][\w$]*+)[ ]=\s*+)?(?:(0x[0-9a-f]{1,32}+)|(-?(?!0[0-9])[0-9]{1,40}+))"
    r"(?:[ ]'(?:\\[0-7]{3}|\\.|[^'\\\n])')?+,",
    re.ASCII,
)
_ELIDED = expression(r"\.\.\.(?:[ ]\[[^\]\n]*+\][ ]\.\.\.)?(?=[ \t]*+(?:\n|\}|\Z))")
_AFTER = expression(r"\s*+([,}]?)", re.ASCII)


class _Frame:
    """An open brace: its elements so far; ``names`` is shorter than ``values`` where elements had no name."""

    __slots__ = ("block", "name", "names", "start", "values")

    def __init__(self, start: int, name: str | None, *, block: bool) -> None:
        self.start = start
        self.name = name
        self.block = block
        self.names: list[str | None] = []
        self.values: list[Any] = []

    def add(self, name: str | None, value: Any) -> None:
        if name is not None:
            if len(self.values) != len(self.names):
                self.names += [None] * (len(self.values) - len(self.names))
            self.names.append(name)
        self.values.append(value)


class ValueReader(ScalarReader):
    """Reads gdb's values out of a source's text. Reading methods take an offset, and give a value and the
    offset behind it.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._elided = False

    def value(self, offset: int) -> tuple[Any, int]:
        """The value at ``offset`` (behind blanks), and the offset behind it."""
        offset = self._skip(offset)
        if self._opens(offset):
            return self._braces(offset)
        return self._scalar(offset, in_array=False)

    def _skip(self, offset: int) -> int:
        match = _SPACE.match(self._text, offset)
        return match.end() if match else offset

    def _opens(self, offset: int) -> bool:
        return self._text.startswith("{", offset) and not FUNCTION.match(self._text, offset)

    def _braces(self, offset: int) -> tuple[Any, int]:
        """The values between braces, read with a stack instead of recursion."""
        text, member, plain, name_of = self._text, _MEMBER.match, _PLAIN.match, _NAME.match
        frame, offset = self._open(offset, None)
        stack = [frame]
        while True:
            while number := member(text, offset):
                name, address, decimal = number.groups()
                frame.add(name, int(decimal) if address is None else int(address, 16))
                offset = number.end()
            match = name_of(text, offset)
            name, offset = (match[1], match.end()) if match else (None, offset)
            number = plain(text, offset)
            if number:
                frame.add(name, int(number[1], 16) if number[1] else int(number[2]))
                offset = number.end()
            elif self._opens(offset):
                if len(stack) >= MAX_DEPTH:
                    self.fail(offset, "nested too deeply")
                frame, offset = self._open(offset, name)
                stack.append(frame)
                continue
            elif name is None and not (frame.values or frame.block) and text.startswith("}", offset):
                pass  # an array of no elements
            else:
                offset = self._element(frame, name, offset)
            value, offset, frame = self._closes(stack, frame, offset)
            if not stack or (offset >= len(text) and _is_elided(frame)):
                return value if not stack else self._cut_off(stack), offset

    def _cut_off(self, stack: list[_Frame]) -> Any:
        """The value of a text that somebody cut off with ``...``: all open braces end there."""
        while len(stack) > 1:
            frame = stack.pop()
            stack[-1].add(frame.name, self._finish(frame))
        return self._finish(stack[0])

    def _open(self, offset: int, name: str | None) -> tuple[_Frame, int]:
        return _Frame(offset, name, block=self._text.startswith("\n", offset + 1)), offset + 1

    def _closes(self, stack: list[_Frame], frame: _Frame, offset: int) -> tuple[Any, int, _Frame]:
        """(value, offset, open brace) behind an element: behind its comma, or behind all braces that close
        there; the value is that of the outermost brace once it closes.
        """
        text = self._text
        while True:
            if REPEATS.match(text, offset):
                offset = self._repeat(frame, offset)
            if text.startswith("...}", offset):
                self.note("elided", "gdb left out the rest of an array (print_max)", offset)
                offset += 3
            match = _AFTER.match(text, offset)
            separator = match[1] if match else ""
            if separator == "," and match:
                return None, match.end(), frame
            if separator != "}" or not match:
                return None, self._elided_item(frame, offset), frame
            value, offset = self._finish(frame), match.end()
            stack.pop()
            if not stack:
                return value, offset, frame
            name, frame = frame.name, stack[-1]
            frame.add(name, value)

    def _elided_item(self, frame: _Frame, offset: int) -> int:
        """The offset of a ``...`` by which people replace items that they left out; no comma stands before or
        behind it.
        """
        place = self._skip(offset)
        match = _ELIDED.match(self._text, place)
        if not match and not _is_elided(frame):
            self.fail(place, "expected ',' or '}'")
        return place

    def _repeat(self, frame: _Frame, offset: int) -> int:
        match = REPEATS.match(self._text, offset)
        if not match or not frame.values or len(frame.names) == len(frame.values):
            self.fail(offset, "a run of nothing")
        times = int(match[1])
        if times < 1:
            self.fail(offset, "a run of nothing")
        if times > self._budget:
            frame.values[-1] = Repeated(value=frame.values[-1], times=times)
        else:
            self._budget -= times
            frame.values += [frame.values[-1]] * (times - 1)
        return match.end()

    def _finish(self, frame: _Frame) -> Any:
        """The dict or list made of a closed brace."""
        values = frame.values
        if frame.names or _anonymous_only(values, block=frame.block):
            return self._structure(frame)
        if len(values) == 1 and isinstance(values[0], Missing) and values[0].reason == "No data fields":
            return {}
        self._alike(frame)
        return values

    def _alike(self, frame: _Frame) -> None:
        """Check that the structures of an array have the same members, unless somebody left some out."""
        structures = [value for value in frame.values if isinstance(value, dict)]
        if structures and not self._elided:
            names = structures[0].keys()
            if any(structure.keys() != names for structure in structures):
                self.fail(frame.start, "elements of an array that have different members")

    def _structure(self, frame: _Frame) -> dict[str, Any]:
        found: dict[str, Any] = {}
        names = frame.names + [None] * (len(frame.values) - len(frame.names))
        for name, value in zip(names, frame.values, strict=True):
            if name is not None:
                self._once(frame, found, name)
                found[name] = value
            elif not isinstance(value, Missing):
                for inner, part in self._anonymous(frame, value).items():
                    self._once(frame, found, inner)
                    found[inner] = part
        return found

    def _once(self, frame: _Frame, found: dict[str, Any], name: str) -> None:
        if name in found:
            self.fail(frame.start, f"a member stands twice: {name}")

    def _anonymous(self, frame: _Frame, value: Any) -> dict[str, Any]:
        if isinstance(value, list):
            merged: dict[str, Any] = {}
            for part in value:
                merged |= self._anonymous(frame, part)
            return merged
        if not isinstance(value, dict):
            self.fail(frame.start, "a member without a name")
        return value

    def _element(self, frame: _Frame, name: str | None, offset: int) -> int:
        """Add a scalar to a brace, or a mark for items that somebody left out; gives the offset behind it."""
        match = _ELIDED.match(self._text, offset)
        if match and name is None:
            self.note("elided", "left out here", offset)
            self._elided = True
            frame.add(None, Missing(reason="..."))
            return match.end()
        value, offset = self._scalar(offset, in_array=name is None)
        frame.add(name, value)
        return offset


def _is_elided(frame: _Frame) -> bool:
    return bool(frame.values) and isinstance(frame.values[-1], Missing) and frame.values[-1].reason == "..."


def _anonymous_only(values: list[Any], *, block: bool) -> bool:
    """Whether braces without names hold nothing but members of anonymous structures.

    gdb begins a structure's members on a new line (``block``), and an array's elements right behind the
    brace; before gdb 10 these may begin on a new line, too. The elements of an array have the same members;
    anonymous structures have none in common.
    """
    if not values or not all(isinstance(value, dict | list | Missing) for value in values):
        return False
    if block:
        return not _alike(values)
    first, second = values[0], values[1] if len(values) > 1 else None
    return isinstance(first, dict) and isinstance(second, dict) and _apart(first, second)


def _alike(values: list[Any]) -> bool:
    """Whether all values are structures with the same members, two at least."""
    first, *others = values
    return (
        isinstance(first, dict)
        and bool(first)
        and bool(others)
        and all(isinstance(other, dict) and other.keys() == first.keys() for other in others)
    )


def _apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one) and bool(other) and not one.keys() & other.keys()


__all__ = [
    "MAX_DEPTH",
    "MAX_RUN",
    "Enumerators",
    "Missing",
    "Pointer",
    "Repeated",
    "ValueReader",
    "as_int",
    "as_text",
]
