"""The text that a grammar reads: a ``str`` with its source and the state of the reading.

pyparsing hands its input to every element and action as ``instring``. That is a `Text`: by it elements reach
the command line, lenient mode and the notices without globals, so that threads, and grammars within grammars,
stay apart.
"""

from __future__ import annotations

import array
import bisect
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, Self

from crashdrive.commandline import command_line
from crashdrive.errors import ParseError
from crashdrive.parsers.base import MOST_NOTICES, Source
from crashdrive.parsers.grammar.pyparsing_core import ParseException, ParseFatalException
from crashdrive.records import Notice


class _Remark(NamedTuple):
    place: int
    notice: Notice | None
    incomplete: bool


Misfit = Callable[[str, int], int]
_MISFITS = "misfits"


class Text(str):
    """A source's text, or the part of it that begins at ``base``.

    Notices are kept until the reading has ended: those of a failed alternative are dropped. For lines that
    were set aside beyond `MOST_NOTICES`, only the places are kept.
    """

    __slots__ = (
        *("_furthest", "_names", "_reason", "_remarks", "_untold"),
        *("base", "depth", "kept", "quiet", "source"),
    )

    def __new__(cls, source: Source, text: str | None = None, base: int = 0) -> Self:
        """``text``: a part of the source's text; None for all of it."""
        made = super().__new__(cls, source.text if text is None else text)
        made.source, made.base = source, base
        made.depth = made.quiet = 0
        made.kept = {}
        made._furthest = -1
        made._names, made._reason = [], None
        made._remarks, made._untold = [], array.array("q")
        return made

    source: Source
    base: int
    depth: int
    kept: dict[Any, Any]  # data that elements keep during this reading, by the element or its class
    quiet: int
    _furthest: int
    _names: list[str]
    _reason: str | None
    _remarks: list[_Remark]
    _untold: array.array[int]

    @classmethod
    def of(cls, instring: str) -> Text:
        """The text itself; a plain ``str`` gets a source of its own, strict and without a command."""
        return instring if isinstance(instring, cls) else cls(Source(command_line(""), instring))

    # Expectations, and the furthest place of the reading.

    def missed(
        self, place: int, name: str, reason: str | None = None, below: frozenset[str] | None = None
    ) -> None:
        """An element failed here. ``reason``: a sentence; ``below``: names that ``name`` stands for."""
        if self.quiet or place < self._furthest:
            return
        if place > self._furthest:
            self._furthest, self._names, self._reason = place, [], None
        if below:
            self._names = [known for known in self._names if known not in below]
        self._reason = self._reason or reason
        if name not in self._names:
            self._names.append(name)

    def refuse(self, place: int, reason: str) -> NoReturn:
        """For actions: fail, as the value that was read is impossible: the element doesn't match here."""
        self.missed(max(place, self._furthest), "", reason)
        raise ParseException(self, place, reason)

    def furthest(self) -> int:
        """The last place at which an element failed; -1 where none failed."""
        return self._furthest

    def know_row(self, name: str, misfit: Misfit) -> None:
        """A table has rows of this name here; ``misfit`` finds the cell that makes a line none of them."""
        self.kept.setdefault(_MISFITS, {})[name] = misfit

    def misfit_in(self, place: int) -> int:
        """The offset of the first cell that doesn't fit, where a table's row was expected at ``place``; else
        ``place``.
        """
        if place != self._furthest or self._reason:
            return place
        known: dict[str, Misfit] = self.kept.get(_MISFITS, {})
        return max((known[name](self, place) for name in self._names if name in known), default=place)

    def expected(self, place: int, otherwise: str) -> str:
        """The expectations at ``place`` in words; ``otherwise`` where none is known."""
        if place != self._furthest or not (self._names or self._reason):
            return otherwise
        names = [name for name in self._names if name != END] or self._names
        if self._reason or names == [END]:
            return self._reason or BEHIND
        return "expected " + " or ".join(names[:6])

    # Notices.

    def note(
        self,
        place: int,
        kind: str,
        message: str,
        *,
        text: str | None = None,
        incomplete: bool = False,
        late: bool = False,
    ) -> None:
        """A notice about the line at ``place``; ``text`` is that line where it isn't given.

        ``late``: the reading is past that line, and later notices stay valid. Actions of larger elements,
        which check their parts, use it.
        """
        line = self.source.position(self.base + place)[0]
        notice = Notice(kind=kind, message=message, line=line, text=text)
        self.remark(place, notice, incomplete=incomplete, late=late)

    def remark(self, place: int, notice: Notice | None, *, incomplete: bool, late: bool = False) -> None:
        """Keep a notice (None: the mark alone). Notices behind this place are dropped, as that text was tried
        and given up, unless this notice is ``late``.
        """
        remark = _Remark(place, notice, incomplete)
        if late:
            bisect.insort(self._remarks, remark, key=lambda known: known.place)
            return
        self.forget(place + 1)
        if remark not in self._remarks[-4:]:
            self._remarks.append(remark)

    def remarks(self, place: int, notices: Sequence[Notice], *, incomplete: bool) -> None:
        """Keep the notices of a part of the text from ``place`` on; several of its lines may have the same
        notice.
        """
        self.forget(place + 1)
        self._remarks += [_Remark(place, notice, incomplete) for notice in notices]

    def forget(self, place: int) -> None:
        """Drop the notices from this place on: the element that made them failed."""
        remarks, untold = self._remarks, self._untold
        while remarks and remarks[-1].place >= place:
            remarks.pop()
        while untold and untold[-1] >= place:
            untold.pop()

    def remarks_since(self, place: int) -> bool:
        """Whether there is a notice about the text behind this place."""
        last = max(self._remarks[-1].place if self._remarks else -1, self._untold[-1] if self._untold else -1)
        return last >= place

    def marked_since(self, place: int) -> bool:
        """Whether a notice about the text behind this place marks the answer."""
        if self._untold and self._untold[-1] >= place:
            return True
        behind = itertools.takewhile(lambda known: known.place >= place, reversed(self._remarks))
        return any(known.incomplete for known in behind)

    def misfit(self, place: int, reason: str) -> None:
        """For actions that check all values of an element: refuse a line that matches by itself, but
        contradicts the others. That is an error; in lenient mode the line is set aside, and the action
        continues without it.
        """
        if self.source.lenient:
            return self.reject(place, reason, late=True)
        self._furthest, self._names, self._reason = place, [], reason
        raise ParseFatalException(self, place, reason)

    def reject(self, place: int, reason: str, *, start: int | None = None, late: bool = False) -> None:
        """Set the line at ``place`` aside (lenient mode alone may ask for that).

        ``start``: where the failed element began. The reading continues behind that place, and this notice
        stays.
        """
        begin = place if start is None else start
        if len(self._remarks) >= MOST_NOTICES:
            return self._count(begin, late=late)
        line, column = self.source.position(self.base + place)
        message = f"column {column}: {reason}"
        shown = self.source.line_at(self.base + place)
        notice = Notice(kind="unparsed", message=message, line=line, text=shown)
        return self.remark(begin, notice, incomplete=True, late=late)

    def _count(self, place: int, *, late: bool) -> None:
        """Count a line that was set aside without a notice."""
        if not late:
            self.forget(place + 1)
        bisect.insort(self._untold, place)

    def settle(self) -> None:
        """Give the notices to the source."""
        source = self.source
        for remark in self._remarks:
            if remark.notice is not None:
                source.keep(remark.notice)
            source.complete = source.complete and not remark.incomplete
        source.untold += len(self._untold)
        source.complete = source.complete and not self._untold
        self._remarks.clear()
        del self._untold[:]

    def too_deep(self, place: int) -> NoReturn:
        """Fail for more nested levels than any output has; no alternative is tried."""
        self.missed(place, "", "nested too deeply")
        raise ParseFatalException(self, place, "nested too deeply")

    def place_of(self, error: ParseError) -> int:
        """The offset in this text of an error of its source; -1 where that lies before this text."""
        return max(-1, self.source.offset(error.line, error.column) - self.base)

    def next_line(self, place: int) -> int:
        """Where the line below the one at ``place`` begins; the text's end where there is none."""
        newline = self.find("\n", place)
        return len(self) if newline < 0 else newline + 1

    def line(self, place: int) -> str:
        """The rest of the line from ``place`` on."""
        newline = self.find("\n", place)
        return self[place:] if newline < 0 else self[place:newline]


END = "the end of the output"
BEHIND = "text behind the end of the output"
