r"""gdb's printed values: ``{a = 1, b = 0xffff... <symbol+8>, c = {0 <repeats 15 times>}, d = "text"}``.

A value becomes plain Python as far as that says everything, so that its JSON is what one expects:

- a structure or union: a dict by member name; members of anonymous structures and unions stand in the dict
  of what holds them, as in C; an empty one is ``{}``;
- an array: a list; ``<repeats N times>`` is written out (see `Repeated` for runs that are too long);
- an integer, a character (its code), a pointer that says no more than its address: int; ``true``: bool;
- text: str, bytes that are no UTF-8 as backslash escapes. NULs at the end of an array of characters are left
  out (gdb itself shows one less than there are, and none with ``null-stop``), NULs inside stay;
- ``void``: None;
- all else is a record that carries its kind in JSON under ``"$"``: `Pointer`, `Enumerators`, `Missing`,
  `Repeated`.

Hand-written over a few compiled regular expressions: token by token, pyparsing reads 0.1 MB/s of this,
and ``struct task_struct`` of every task is megabytes. Nothing recurses, so nesting is bounded by `MAX_DEPTH`
alone, and every pattern is possessive, so that a line of 10 MB takes as long as it takes to read it.

Source: gdb's ``generic_val_print``, ``cp_print_value_fields``, ``generic_printstr`` (valprint.c,
cp-valprint.c), as gdb 7.6 (crash 7), 10.2 (crash 8) and 16.2 (crash 9) print with crash's settings.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.literals import parse_number, split_symbol, unescape
from crashdrive.records import Address, Bits, Record

MAX_DEPTH = 200
"""Braces in braces; the kernel's own structures stay below 40."""

MAX_RUN = 1 << 20
"""Elements of arrays and characters of strings that ``<repeats N times>`` may add, unless the text is longer.
"""


class Pointer(Record, frozen=True, tag_field="$", tag="pointer"):
    """An address with what gdb knows of it.

    ``symbol`` and ``offset``: ``<init_task+16>``; ``string``: the text that a char pointer leads to,
    ``error`` why it can't be read; ``type``: ``struct task_struct *`` where gdb names it, as at the top of an
    expression.
    """

    address: Address
    symbol: str | None = None
    offset: int | None = None
    string: str | None = None
    type: str | None = None
    error: str | None = None


class Enumerators(Record, frozen=True, tag_field="$", tag="enum"):
    """A value shown by an enumerator's name, or several of them, or-ed; ``rest``: bits without a name."""

    names: tuple[str, ...]
    rest: Bits = 0


class Missing(Record, frozen=True, tag_field="$", tag="missing"):
    """No value: gdb's reason, such as ``Cannot access memory at address 0x10`` or ``optimized out``."""

    reason: str


class Repeated(Record, frozen=True, tag_field="$", tag="repeated"):
    """A run of equal elements that is too long to be written out (see `MAX_RUN`)."""

    value: Any
    times: int


def as_int(value: object) -> int:
    """The number that a value is or points with; TypeError where it is none."""
    if isinstance(value, Pointer):
        return value.address
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"no number: {ascii(value)[:100]}")


def as_text(value: object) -> str:
    """The text of a char array, or that a char pointer leads to; TypeError where there is none."""
    text = value.string if isinstance(value, Pointer) else value
    if isinstance(text, str):
        return text
    raise TypeError(f"no text: {ascii(value)[:100]}")


_SPACE = re.compile(r"\s*+")
_NAME = re.compile(r"\s*+(?:([A-Za-z_$][\w$]*+)[ ]=\s*+)?", re.ASCII)
# The bulk of all values: a whole number (with its character) and what ends it.
_PLAIN = re.compile(
    r"(?:(0x[0-9a-f]{1,32}+)|(-?[0-9]{1,40}+))(?:[ ]'(?:\\[0-7]{3}|\\.|[^'\\\n])')?+"
    r"(?=[,}\n]|[ ]?+\Z|[ ]\n|\s++\})"
)
_NUMBER = re.compile(
    r"-?(?:0x[0-9a-f]{1,32}+|[0-9]{1,40}+(?:\.[0-9]{1,40}+)?(?:e[+-]?[0-9]{1,5}+)?"
    r"|inf|nan\(0x[0-9a-f]{1,32}+\))"
    r"(?!\w|\.\d)"
)
_CHAR = re.compile(r"[LuU]?'((?:\\[0-7]{1,3}|\\.|[^'\\\n]))'")
_STRING = re.compile(r'[LuU]?"((?:[^"\\\n]|\\.)*+)"(\.\.\.)?')
_REPEATS = re.compile(r"[ ]<repeats ([0-9]{1,18}) times>")
_ANGLE = re.compile(r"[ ]{1,2}<([^<>\n]*+(?:<[^<>\n]*+>[^<>\n]*+)*+)>")
_WORD = re.compile(r"[A-Za-z_]\w*+(?:::\w++)*+", re.ASCII)
_FLAGS = re.compile(
    r"\(((?:(?!unknown:)\w++(?: \| )?+)*+)(?:unknown: (0x[0-9a-f]{1,16}+|[0-9]{1,20}+))?\)(?! ?+[\w({])",
    re.ASCII,
)
_CAST = re.compile(r"\(((?:[^()\n]|\((?:[^()\n]|\((?:[^()\n]|\([^()\n]*+\))*+\))*+\))*+)\)[ ](?=-?[0-9])")
_FUNCTION = re.compile(r"\{([^{}=\n]*+)\}[ ](?=0x)")
_MARKER = re.compile(r"<((?:[^<>\n]|<[^<>\n]*+>)*+)>")
_ELIDED = re.compile(r"\.\.\.(?:[ ]\[[^\]\n]*+\][ ]\.\.\.)?(?=[ \t]*+(?:\n|\}|\Z))")
_MORE_TEXT = re.compile(r",[ ](?=[LuU]?[\"'])")
_AFTER = re.compile(r"\s*+([,}]?)")


def skip_to(source: Source, error: ParseError, offset: int, start: re.Pattern[str]) -> int:
    """In lenient mode note what couldn't be read and give the next line on which a record may ``start``.

    ``start`` is compiled with ``re.MULTILINE`` and begins with ``^``. Raises the error when not lenient.
    """
    if not source.lenient:
        raise error
    source.note("unparsed", error.reason, line=error.line, text=error.text, incomplete=True)
    following = source.text.find("\n", offset) + 1
    match = start.search(source.text, following) if following else None
    return match.start() if match else len(source.text)


class _Frame:
    """An open brace: its elements so far, ``names`` only where an element had one."""

    __slots__ = ("block", "name", "names", "start", "values")

    def __init__(self, start: int, name: str | None, *, block: bool) -> None:
        self.start = start
        self.name = name
        self.block = block
        self.names: list[str | None] = []
        self.values: list[Any] = []

    def add(self, name: str | None, value: Any) -> None:
        if name is not None:
            self.names += [None] * (len(self.values) - len(self.names))
            self.names.append(name)
        self.values.append(value)


class ValueReader:
    """Reads gdb's values out of a source's text; every method takes an offset and gives the next one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._budget = max(MAX_RUN, len(source.text))
        self._elided = False

    def value(self, offset: int) -> tuple[Any, int]:
        """The value at ``offset`` (after blanks), and where it ended."""
        offset = self._skip(offset)
        if self._opens(offset):
            return self._braces(offset)
        return self._scalar(offset, in_array=False)

    def _skip(self, offset: int) -> int:
        match = _SPACE.match(self._text, offset)
        return match.end() if match else offset

    def _opens(self, offset: int) -> bool:
        return self._text.startswith("{", offset) and not _FUNCTION.match(self._text, offset)

    def fail(self, offset: int, reason: str) -> NoReturn:
        """ParseError at this place."""
        self._source.fail(offset, reason)

    def note(self, kind: str, message: str, offset: int, *, incomplete: bool = True) -> None:
        """A notice about this place."""
        line, _ = self._source.position(offset)
        self._source.note(
            kind, message, line=line, text=self._source.line_at(offset)[:200], incomplete=incomplete
        )

    def _braces(self, offset: int) -> tuple[Any, int]:
        """What stands between braces, with a stack of its own instead of recursion."""
        text, plain, name_of = self._text, _PLAIN.match, _NAME.match
        frame, offset = self._open(offset, None)
        stack = [frame]
        while True:
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
        """A value that somebody ended with ``...``: all open braces end there."""
        while len(stack) > 1:
            frame = stack.pop()
            stack[-1].add(frame.name, self._finish(frame))
        return self._finish(stack[0])

    def _open(self, offset: int, name: str | None) -> tuple[_Frame, int]:
        return _Frame(offset, name, block=self._text.startswith("\n", offset + 1)), offset + 1

    def _closes(self, stack: list[_Frame], frame: _Frame, offset: int) -> tuple[Any, int, _Frame]:
        """Past the comma after an element, or past all braces that end behind it."""
        text = self._text
        while True:
            if _REPEATS.match(text, offset):
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
        """People's ``...`` for lines that they left out stands for items, without a comma."""
        place = self._skip(offset)
        match = _ELIDED.match(self._text, place)
        if not match and not _is_elided(frame):
            self.fail(place, "expected ',' or '}'")
        return place

    def _repeat(self, frame: _Frame, offset: int) -> int:
        match = _REPEATS.match(self._text, offset)
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
        """The dict or list that a pair of braces held."""
        values = frame.values
        if frame.names or _anonymous_only(values, block=frame.block):
            return self._structure(frame)
        if len(values) == 1 and isinstance(values[0], Missing) and values[0].reason == "No data fields":
            return {}
        self._alike(frame)
        return values

    def _alike(self, frame: _Frame) -> None:
        """The structures of an array have the same members, unless somebody left some out."""
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
        """A scalar in braces, or a mark for what isn't there."""
        match = _ELIDED.match(self._text, offset)
        if match and name is None:
            self.note("elided", "left out here", offset)
            self._elided = True
            frame.add(None, Missing(reason="..."))
            return match.end()
        value, offset = self._scalar(offset, in_array=name is None)
        frame.add(name, value)
        return offset

    def _scalar(self, offset: int, *, in_array: bool) -> tuple[Any, int]:
        text = self._text
        first = text[offset : offset + 1] or "?"
        if first in "\"'" or (first in "LuU" and text[offset + 1 : offset + 2] in "\"'"):
            return self._characters(offset, in_array=in_array)
        match = _NUMBER.match(text, offset)
        if match:
            return self._decorated(parse_number(match[0]), match.end(), None)
        if first == "(":
            return self._parenthesis(offset)
        if first == "<":
            return self._marker(offset)
        if first == "{":
            return self._function(offset)
        return self._word(offset)

    def _word(self, offset: int) -> tuple[Any, int]:
        match = _WORD.match(self._text, offset)
        if not match:
            self.fail(offset, "expected a value")
        word = match[0]
        if word in {"true", "false"}:
            return word == "true", match.end()
        return None if word == "void" else Enumerators(names=(word,)), match.end()

    def _parenthesis(self, offset: int) -> tuple[Any, int]:
        """``(A | B)``, ``(unknown: 0x8)``, or a cast before an address."""
        match = _FLAGS.match(self._text, offset)
        if match and (match[1] or match[2]):
            names = tuple(name for name in match[1].split(" | ") if name)
            return Enumerators(names=names, rest=int(parse_number(match[2] or "0"))), match.end()
        match = _CAST.match(self._text, offset)
        number = _NUMBER.match(self._text, match.end()) if match else None
        if not match or not number:
            self.fail(offset, "expected a value")
        return self._decorated(parse_number(number[0]), number.end(), match[1])

    def _function(self, offset: int) -> tuple[Any, int]:
        match = _FUNCTION.match(self._text, offset)
        number = _NUMBER.match(self._text, match.end()) if match else None
        if not match or not number:
            self.fail(offset, "expected a value")
        return self._decorated(parse_number(number[0]), number.end(), match[1])

    def _marker(self, offset: int) -> tuple[Any, int]:
        match = _MARKER.match(self._text, offset)
        if not match or match[1].startswith("repeats "):
            self.fail(offset, "expected a value")
        reason = match[1].removeprefix("error: ")
        if reason != "No data fields":
            self.note("missing", f"no value: {reason}", offset)
        return Missing(reason=reason), match.end()

    def _decorated(self, number: float, offset: int, type_: str | None) -> tuple[Any, int]:
        """A number with its character, symbol, text or error behind it."""
        text = self._text
        character = _CHAR.match(text, offset + 1) if text.startswith(" ", offset) else None
        if character:
            return number, character.end()
        symbol, error, offset = self._symbol(offset)
        string = None
        if text.startswith((' "', ' L"', ' u"', ' U"'), offset):
            string, offset = self._characters(offset + 1, in_array=False)
        if not isinstance(number, int) or not (symbol or error or string is not None or type_):
            return number, offset
        name, distance = split_symbol(symbol)
        pointer = Pointer(
            address=number, symbol=name, offset=distance, string=string, type=type_, error=error
        )
        return pointer, offset

    def _symbol(self, offset: int) -> tuple[str | None, str | None, int]:
        match = None if _REPEATS.match(self._text, offset) else _ANGLE.match(self._text, offset)
        if not match:
            return None, None, offset
        if match[1].startswith("error: "):
            return None, match[1].removeprefix("error: "), match.end()
        return match[1], None, match.end()

    def _characters(self, offset: int, *, in_array: bool) -> tuple[str, int]:
        r"""Text in pieces: ``"abc", '\000' <repeats 12 times>, "def"...``; see `_goes_on` for arrays of
        texts.
        """
        pieces: list[str] = []
        while True:
            start = offset
            piece, offset, run = self._piece(offset)
            pieces.append(piece)
            more = _MORE_TEXT.match(self._text, offset)
            if not more or (in_array and not self._goes_on(start, more.end(), run)):
                return unescape("".join(pieces)).rstrip("\0"), offset
            offset = more.end()

    def _piece(self, offset: int) -> tuple[str, int, str | None]:
        """Still escaped text, where it ended, and the character when it was a run of it."""
        match = _STRING.match(self._text, offset)
        if match:
            if match[2]:
                self.note("elided", "gdb left out the rest of a text (print_max)", offset)
            return match[1], match.end(), None
        match = _CHAR.match(self._text, offset)
        if not match:
            self.fail(offset, "text without an end")
        run = _REPEATS.match(self._text, match.end())
        if not run:
            return match[1], self._cut(match.end()), None
        times = int(run[1])
        if times > self._budget:
            self.fail(offset, f"a run of {times} characters is more than this text can hold")
        self._budget -= times
        return match[1] * times, self._cut(run.end()), match[1]

    def _cut(self, offset: int) -> int:
        if not self._text.startswith("...", offset):
            return offset
        self.note("elided", "gdb left out the rest of a text (print_max)", offset)
        return offset + 3

    def _goes_on(self, start: int, following: int, run: str | None) -> bool:
        r"""Whether the next piece belongs to the same text, in an array of texts.

        gdb doesn't say. Two quoted pieces in a row are two texts; a run joins what is before it; what follows
        a run of NULs is a new text. What follows another run could be either: marked.
        """
        if self._text[following : following + 1] == "'":
            return run is None
        if run is None or set(run.strip("\\")) <= {"0"}:
            return False
        self.note("ambiguous", "gdb doesn't say where one text of this array ends", start)
        return True


def _is_elided(frame: _Frame) -> bool:
    return bool(frame.values) and isinstance(frame.values[-1], Missing) and frame.values[-1].reason == "..."


def _anonymous_only(values: list[Any], *, block: bool) -> bool:
    """Whether braces without names hold nothing but members of anonymous structures.

    gdb starts a structure's members on a new line (``block``), an array's elements right behind the brace.
    Where all stands on one line: elements of an array have the same members, anonymous structures none in
    common.
    """
    if not values or not all(isinstance(value, dict | list | Missing) for value in values):
        return False
    if block:
        return True
    first, second = values[0], values[1] if len(values) > 1 else None
    return isinstance(first, dict) and isinstance(second, dict) and _apart(first, second)


def _apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one) and bool(other) and not one.keys() & other.keys()
