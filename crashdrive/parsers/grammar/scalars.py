r"""gdb's values without braces: numbers, texts, pointers, enumerators, and marks for missing values.

::

    0xffff888003a54000    -12    97 'a'    1.5e-07    true    void
    0xffffffff82a1b940 <init_task+16>         an address and what is there
    0xffff888003a54000 "systemd"              an address and the text there
    (struct task_struct *) 0xffff888003a54000        as at the top of an expression
    "abc", '\000' <repeats 12 times>, "def"...       one text in pieces
    TASK_RUNNING    (WB_SYNC | unknown: 0x30)        enumerators
    <optimized out>    <error: Cannot access memory at address 0x8>

Source: gdb's ``generic_val_print``, ``generic_printstr`` (valprint.c).
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from crashdrive.expressions import expression
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.literals import parse_number, split_symbol, unescape
from crashdrive.parsers.grammar.value_records import MAX_RUN, Enumerators, Missing, Pointer

_NUMBER = expression(
    r"-?(?:0x[0-9a-f]{1,32}+|[0-9]{1,40}+(?:\.[0-9]{1,40}+)?(?:e[+-]?[0-9]{1,5}+)?"
    r"|inf|nan\(0x[0-9a-f]{1,32}+\))"
    r"(?!\w|\.\d)",
    re.ASCII,
)
_CHAR = expression(r"[LuU]?'((?:\\[0-7]{1,3}|\\.|[^'\\\n]))'")
_STRING = expression(r'[LuU]?"((?:[^"\\\n]|\\.)*+)"(\.\.\.)?')
REPEATS = expression(r"[ ]<repeats ([0-9]{1,18}) times>")
_ANGLE = expression(r"[ ]{1,2}<([^<>\n]*+(?:<[^<>\n]*+>[^<>\n]*+)*+)>")
_WORD = expression(r"[A-Za-z_]\w*+(?:::\w++)*+", re.ASCII)
_FLAGS = expression(
    r"\(((?:(?!unknown:)\w++(?: \| )?+)*+)(?:unknown: (0x[0-9a-f]{1,16}+|[0-9]{1,20}+))?\)(?! ?+[\w({])",
    re.ASCII,
)
_CAST = expression(r"\(((?:[^()\n]|\((?:[^()\n]|\((?:[^()\n]|\([^()\n]*+\))*+\))*+\))*+)\)[ ](?=-?[0-9])")
FUNCTION = expression(r"\{([^{}=\n]*+)\}[ ](?=0x)")
_MARKER = expression(r"<((?:[^<>\n]|<[^<>\n]*+>)*+)>")
_MORE_TEXT = expression(r",[ ](?=[LuU]?[\"'])")


class ScalarReader:
    """Reads values without braces out of a source's text. Reading methods take an offset, and give a value
    and the offset behind it.

    ``_budget``: how many elements and characters ``<repeats N times>`` may still add.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._budget = max(MAX_RUN, len(source.text))

    def fail(self, offset: int, reason: str) -> NoReturn:
        """ParseError at this place."""
        self._source.fail(offset, reason)

    def note(self, kind: str, message: str, offset: int, *, incomplete: bool = True) -> None:
        """Add a notice about this place."""
        line, _ = self._source.position(offset)
        self._source.note(
            kind, message, line=line, text=self._source.line_at(offset)[:200], incomplete=incomplete
        )

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
        match = FUNCTION.match(self._text, offset)
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
        match = None if REPEATS.match(self._text, offset) else _ANGLE.match(self._text, offset)
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
        """A piece, still escaped; the offset behind it; the character, where the piece is a run of one."""
        match = _STRING.match(self._text, offset)
        if match:
            if match[2]:
                self.note("elided", "gdb left out the rest of a text (print_max)", offset)
            return match[1], match.end(), None
        match = _CHAR.match(self._text, offset)
        if not match:
            self.fail(offset, "text without an end")
        run = REPEATS.match(self._text, match.end())
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

        gdb doesn't tell. A quoted piece after a quoted one is a new text. A run belongs to the piece before
        it. A piece after a run of NULs is a new text; after any other run it may be either: taken as the same
        text, and marked.
        """
        if self._text[following : following + 1] == "'":
            return run is None
        if run is None or set(run.strip("\\")) <= {"0"}:
            return False
        self.note("ambiguous", "gdb doesn't say where one text of this array ends", start)
        return True
