"""Noise between rows: blank lines, ``...``, crash's own messages; gaps; the end of a text."""

from __future__ import annotations

import re

from crashdrive.parsers.grammar.columns import ELIDED, LONGEST_ROW
from crashdrive.parsers.grammar.context import BEHIND, END, Text
from crashdrive.parsers.grammar.speech import is_message, message_notice, names_place
from crashdrive.parsers.grammar.terminals import END_OF_LINE, Made, Make, Terminal


class Noise(Terminal):
    """A line that is no row of the output: it gives no value, and may leave a notice. `noise` joins several
    kinds. Subclasses define which lines they take (`fits`), and the notice (`remark`).
    """

    leaves_notices = True
    takes_empty = False
    """Whether an empty line is noise that leaves nothing."""

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        end = self.take(instring, loc) if do_actions else self.ahead(instring, loc)
        if end < 0:
            self.miss(instring, loc)
        return end, []

    def ahead(self, instring: str, loc: int) -> int:
        """The end of the line; -1 where the line isn't this noise. Leaves no notice."""
        found = self.match(instring, loc)
        if found is None or not self.fits(Text.of(instring), found):
            return -1
        return found.end()

    def take(self, instring: str, loc: int) -> int:
        """As `ahead`, and leave the line's notice."""
        end = self.ahead(instring, loc)
        if end >= 0:
            self.remark(Text.of(instring), loc)
        return end

    def fits(self, text: Text, found: re.Match[str]) -> bool:  # noqa: ARG002 # for subclasses
        """Whether the line that matched is noise in this text."""
        return True

    def remark(self, text: Text, loc: int) -> None:
        """Leave the notice of the line at ``loc``."""


class Blank(Noise):
    """A blank line: blanks alone."""

    def __init__(self) -> None:
        super().__init__(r"[ ]++(?:\n|\Z)|\n", "a blank line", keep=False)
        self.takes_empty = True

    def ahead(self, instring: str, loc: int) -> int:
        """The end of the line; shorter than the inherited way, as blank lines are the most frequent noise."""
        found = self.match(instring, loc)
        return -1 if found is None else found.end()

    take = ahead


class BlankLines(Noise):
    """Blank lines, as many as stand there, at once."""

    def __init__(self) -> None:
        super().__init__(r"(?:[ ]*+\n)++(?:[ ]++\Z)?+|[ ]++\Z", "a blank line", keep=False)


class Elided(Noise):
    """``...`` or ``[...]`` in a line of its own: lines were left out. Notice ``elided``, which marks."""

    def __init__(self) -> None:
        super().__init__(rf"[ ]*+(?:{ELIDED.pattern}){END_OF_LINE}", "'...'", keep=False)

    def remark(self, text: Text, loc: int) -> None:
        """Leave the notice ``elided``."""
        text.note(loc, "elided", "lines were left out here", incomplete=True)


class Remark(Noise):
    r"""A line that is no row, but a remark of crash: ``Remark(r" *+\(invalid/stale entry\)", "stale")``.

    The line becomes a notice of kind ``kind``; with ``incomplete`` that marks the answer. ``kind`` None: the
    line has no meaning, and leaves no notice (``Remark(r" *+\(none\)")``). ``words(match)`` gives the message
    of the notice (None: the whole line).
    """

    def __init__(
        self, pattern: str, kind: str | None = None, *, incomplete: bool = True, words: Make | None = None
    ) -> None:
        super().__init__(rf"(?:{pattern}){END_OF_LINE}", "a remark of crash", keep=False)
        self._kind = kind
        self._incomplete = incomplete
        self._words = words

    def remark(self, text: Text, loc: int) -> None:
        """Leave the line's notice."""
        if self._kind is not None:
            line = text.line(loc)
            found = self.match(text, loc) if self._words else None
            message = self._words(found) if self._words and found else line.strip()
            text.note(loc, self._kind, message, text=line, incomplete=self._incomplete)


class CrashMessage(Noise):
    """A message of crash: ``CMD: text`` and ``WARNING: text`` give the notice ``error``, which marks the
    answer; ``NOTE: text`` gives ``note``.
    """

    def __init__(self) -> None:
        # first the test that fails for most lines
        super().__init__(
            r"(?=[^ :\n]{1,256}+: | {3,40}+FILE: |\[)[^\n]++(?:\n|\Z)", "a message of crash", keep=False
        )

    def fits(self, text: Text, found: re.Match[str]) -> bool:
        """Whether the line is a message of crash."""
        line = found[0].removesuffix("\n") if found.end() - found.start() <= LONGEST_ROW else ""
        return is_message(text.source, line) or names_place(line)

    def remark(self, text: Text, loc: int) -> None:
        """Leave crash's message as a notice. A line that names a place in crash's source marks the answer,
        without a notice.
        """
        line = text.line(loc)
        if names_place(line):
            return text.remark(loc, None, incomplete=True)
        number = text.source.position(text.base + loc)[0]
        notice = message_notice(text.source, line, number)
        return text.remark(loc, notice, incomplete=notice.kind == "error")


class _AnyNoise(Noise):
    """Several kinds of noise."""

    def __init__(self, kinds: tuple[Noise, ...]) -> None:
        # one expression for all kinds: most lines match none
        super().__init__("|".join(f"(?:{kind.pattern.pattern})" for kind in kinds), "noise", keep=False)
        self.kinds = kinds
        self.takes_empty = next((kind.takes_empty for kind in kinds if kind.match("\n")), False)

    def ahead(self, instring: str, loc: int) -> int:
        """The end of the line by the first kind that takes it; -1 where none does."""
        if self.match(instring, loc) is None:
            return -1
        for kind in self.kinds:
            if (end := kind.ahead(instring, loc)) >= 0:
                return end
        return -1

    def take(self, instring: str, loc: int) -> int:
        """As `ahead`, and leave the notice of that kind."""
        if self.match(instring, loc) is None:
            return -1
        for kind in self.kinds:
            if (end := kind.take(instring, loc)) >= 0:
                return end
        return -1


def noise(*more: Noise, blank: bool = True, messages: CrashMessage | None = None) -> Noise:
    """The noise between rows of any output: blank lines (``blank``), `Elided`, `CrashMessage` or a command's
    own kind of ``messages``; ``more`` is tried first.
    """
    return _AnyNoise((*more, *((Blank(),) if blank else ()), Elided(), messages or CrashMessage()))


class Gap(Terminal):
    """Any noise, or none: ``header + Gap() + rows``."""

    leaves_notices = True

    def __init__(self, between: Noise | None = None) -> None:
        super().__init__("", "nothing", keep=False)
        self._noise = noise() if between is None else between

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        step = self._noise.take if do_actions else self._noise.ahead
        while (end := step(instring, loc)) > loc:
            loc = end
        return loc, []


class Tail(Terminal):
    """The end of any output: noise, up to the end of the text. Lenient mode sets other lines aside."""

    leaves_notices = True

    def __init__(self) -> None:
        super().__init__("", END, keep=False)
        self._noise = noise()

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        while loc < len(text):
            end = self._noise.take(text, loc) if do_actions else self._noise.ahead(text, loc)
            if end < 0 and not text.source.lenient:
                self.miss(text, loc, None)
            if end < 0:
                text.reject(loc, text.expected(loc, BEHIND))
                end = text.next_line(loc)
            loc = end
        return loc, []
