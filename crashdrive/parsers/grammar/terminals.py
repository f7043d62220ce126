r"""Tokens: each takes what one compiled expression matches, and makes a value of it.

All expressions are possessive or bounded. An element that takes a line takes its newline, too; the last line
of a text may lack it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from crashdrive.parsers.grammar.context import END, Text
from crashdrive.parsers.grammar.pyparsing_core import ParseException, Token

Made = tuple[int, Any]
Make = Callable[[re.Match[str]], Any]


class Terminal(Token):
    r"""A token: ``make(match)`` gives the value of the text that ``pattern`` matches (None: the text itself).

    ``what`` names the element in errors, in the command's words and with an article: ``a symbol's address``.
    ``make`` may give None for text that only looks right: then the element doesn't match. ``found.string`` is
    the `Text`, through which ``make`` reaches the source. With ``keep=False`` the element gives no value.
    Digits, letters and white space (``\d``, ``\w``, ``\s``) are those of ASCII, unless the pattern was
    compiled already.
    """

    leaves_notices = False

    def __init__(
        self, pattern: str | re.Pattern[str], what: str, make: Make | None = None, *, keep: bool = True
    ) -> None:
        super().__init__()
        self.pattern = re.compile(pattern, re.ASCII) if isinstance(pattern, str) else pattern
        self.match = self.pattern.match
        self.make: Make = make or (lambda found: found[0])
        self.keep = keep
        self.set_name(what)
        self._may_return_empty = self.pattern.match("") is not None
        self.mayIndexError = False
        self.skipWhitespace = self.callPreparse = False

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002, ARG002 # pyparsing's
        """pyparsing's hook."""
        found = self.match(instring, loc)
        if found is None:
            self.miss(instring, loc)
        if not self.keep:
            return found.end(), []
        value = self.make(found)
        if value is None:
            self.miss(instring, loc)
        return found.end(), [value]

    def miss(self, instring: str, loc: int, reason: str | None = None) -> NoReturn:
        """Fail: the element doesn't match here. ``reason``: a sentence that says more than the element's
        name.
        """
        if isinstance(instring, Text):
            instring.missed(loc, self.name, reason)
        raise ParseException(instring, loc, reason or self.errmsg, self)

    def ahead(self, instring: str, loc: int) -> int:
        """The end of the element if it matches here; -1 if it doesn't. Without side effects."""
        found = self.match(instring, loc)
        return -1 if found is None else found.end()


END_OF_LINE = r"[ ]*+(?:\n|\Z)"


class Row(Terminal):
    r"""A whole line: ``pattern``, then blanks and the newline.

    ``Row(r" *+(?P<name>[^ \n]++) +(?P<pid>\d{1,10}+)", make, "a row of x: NAME PID")``; the pattern must
    match no newline, and must be able to give back blanks at its end.
    """

    def __init__(self, pattern: str, make: Make, what: str, flags: int = 0) -> None:
        super().__init__(re.compile(f"(?:{pattern}){END_OF_LINE}", flags | re.ASCII), what, make)


class Line(Terminal):
    """Any line, as text without its newline; one of blanks only with ``blank``: ``Line("a line of the help
    page")``.
    """

    def __init__(self, what: str = "a line", *, blank: bool = False) -> None:
        one = r"(?=[^\n]|\n)([^\n]*+)(?:\n|\Z)" if blank else r"(?= *+[^ \n])([^\n]++)(?:\n|\Z)"
        super().__init__(one, what, lambda found: found[1])


class Titles(Terminal):
    """A line that holds just these words, set apart by blanks; gives no value: ``Titles("CPU", "MASK")``."""

    def __init__(self, *titles: str, what: str | None = None) -> None:
        pattern = " *+" + " ++".join(map(re.escape, titles)) + END_OF_LINE
        super().__init__(pattern, what or f"the header {' '.join(titles)}", keep=False)


class Word(Terminal):
    """Characters up to a blank or newline, and the blanks behind them: ``Word("a module's name")``."""

    def __init__(self, what: str = "a word") -> None:
        super().__init__(r"([^ \n]++) *+", what, lambda found: found[1])


class Number(Terminal):
    """A decimal number of at most 20 digits, signed or not, and the blanks behind it, as int."""

    def __init__(self, what: str = "a number") -> None:
        super().__init__(r"(-?+\d{1,20}+)(?![^ \n]) *+", what, lambda found: int(found[1]))


class Address(Terminal):
    """1 to 16 hexadecimal digits with or without ``0x``, and the blanks behind them, as int."""

    def __init__(self, what: str = "an address") -> None:
        pattern = r"(?:0x)?+([0-9a-f]{1,16}+)(?![^ \n]) *+"
        super().__init__(pattern, what, lambda found: int(found[1], 16))


_UNITS = {"B": 1, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Size(Terminal):
    """``16k``, ``128MB``, ``4096``: bytes as int; ``1.5 GB`` is rounded by crash and no `Size`."""

    def __init__(self, what: str = "a size") -> None:
        pattern = r"(\d{1,20}+)(?: ?+([kKMGT])B?+| ?+(B|bytes))?+(?![^ \n]) *+"
        super().__init__(pattern, what, lambda found: int(found[1]) * _UNITS[found[2] or "B"])


class SymbolOffset(Terminal):
    """``<schedule+12>`` or ``schedule+0xc``: (name, offset), and the blanks behind it; no offset is 0."""

    def __init__(self, what: str = "a symbol") -> None:
        name = r"([^ \n<>+]{1,512}+)(?:\+(?:0x([0-9a-f]{1,16}+)|(\d{1,20}+)))?+"
        super().__init__(rf"(<)?+{name}(?(1)>)(?![^ \n]) *+", what, self._named)

    @staticmethod
    def _named(found: re.Match[str]) -> tuple[str, int]:
        return found[2], int(found[3], 16) if found[3] else int(found[4] or 0)


class Anything(Terminal):
    """Matches everywhere and takes nothing: ``until=Anything()`` ends a run at the first other line."""

    def __init__(self) -> None:
        super().__init__("", "anything", keep=False)


class End(Terminal):
    """The end of the text."""

    def __init__(self) -> None:
        super().__init__(r"\Z", END, keep=False)
