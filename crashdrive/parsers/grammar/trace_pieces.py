"""Stack traces made of their pieces, and checked; the pieces' grammar is in
`crashdrive.parsers.grammar.traces`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.lowcore import Lowcore
from crashdrive.parsers.grammar.register_rows import Registers
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.parsers.grammar.registers import HEX
from crashdrive.parsers.grammar.stack import Frame, StackWord
from crashdrive.parsers.grammar.stack_frames import Words, add_words, with_below

_LARGEST_STACK = 1 << 17
_ELIDED = expression(r"^ *+(?:\.{3,80}|\[\.{3}\]) *+$", re.MULTILINE)


class Marker(NamedTuple):
    """crash's line between two stacks."""

    place: int
    name: str


class Status(NamedTuple):
    """crash's words in place of frames."""

    place: int
    said: str


class Start(NamedTuple):
    """The frame at which ``bt -t`` began."""

    place: int
    frame: Frame


class Trace(NamedTuple):
    """The parts below one task's header, see `Backtrace`."""

    frames: tuple[Frame, ...] = ()
    exception: ExceptionFrame | None = None
    start: Frame | None = None
    found: tuple[ExceptionFrame, ...] = ()
    stack: tuple[StackWord, ...] = ()
    status: tuple[str, ...] = ()
    marker: str | None = None


def make_trace(text: Text, pieces: Sequence[Any], place: int, *, searching: bool = False) -> Trace:
    """The trace made of these pieces; it begins at ``place``.

    ``searching``: crash searched the stack for exception frames (``bt -e``, ``-E``); they belong to no stack
    frame.
    """
    if all(type(piece) is Frame for piece in pieces):
        _check_whole(text, pieces, place)
        return Trace(tuple(pieces))
    found: list[Frame] = []
    kept = _Pieces(text, found, searching=searching)
    for piece in pieces:
        if type(piece) is Frame:
            found.append(piece)
            if kept.marker:
                kept.mark()
        else:
            kept.add(piece)
    _check_whole(text, found, place)
    return Trace(tuple(found), **kept.values())


def _check_whole(text: Text, found: Sequence[Frame], place: int) -> None:
    _check_levels(text, found, place)
    if any(frame.data for frame in found):
        _check_data(text, found, place)


class _Pieces:
    """A trace's pieces that are no frames, as they come."""

    def __init__(self, text: Text, found: list[Frame], *, searching: bool) -> None:
        self._text = text
        self._frames = found
        self._searching = searching
        self._exception: ExceptionFrame | None = None
        self._start: Frame | None = None
        self._found: list[ExceptionFrame] = []
        self._stack: list[StackWord] = []
        self._status: list[str] = []
        self.marker: str | None = None

    def mark(self) -> None:
        """Give the marker to the last frame, which stands below it."""
        self._frames[-1] = replace(self._frames[-1], marker=self.marker)
        self.marker = None

    def add(self, piece: Any) -> None:
        """Add a piece."""
        match piece:
            case Marker():
                self.marker = piece.name
            case Status():
                self._status.append(piece.said)
            case Registers() if self._searching:
                self._add_found(piece)
            case Registers() | Lowcore():
                self._add_registers(piece)
            case Words() if self._frames and not self.marker:
                self._frames[-1] = with_below(self._text, self._frames[-1], [piece])
            case Words():
                add_words(self._text, self._stack, piece)
            case Start() if self._start or self._frames:
                self._text.misfit(piece.place, "a second START")
            case Start():
                self._start = piece.frame

    def _add_found(self, piece: Registers) -> None:
        """Add an exception frame of a search. Holes: one without a title (except sparc64's), one on another
        stack than the first.
        """
        exception = piece.frame
        if exception.mode is None and "tstate" not in exception.registers:
            self._hole(piece.place, "registers without a title")
        first = self._found[0].location if self._found else None
        if first and exception.location and abs(exception.location - first) > _LARGEST_STACK:
            self._hole(piece.place, "exception frames on two stacks")
        self._found.append(exception)

    def _add_registers(self, piece: Registers | Lowcore) -> None:
        """Add registers that don't stand right below a frame: they are of the frame above, or of the trace's
        top.
        """
        above = self._frames[-1] if self._frames else None
        if above is None and self._exception is None:
            self._exception = piece.frame
        elif above is None or isinstance(piece, Lowcore) or (self.marker and above.exception):
            self._text.misfit(piece.place, "an exception frame that belongs to no frame")
        elif not self.marker:
            self._frames[-1] = with_below(self._text, above, [piece])
        else:
            # Right below a marker: crash before 8.0.5 read a wrong place on the interrupt stack.
            self._frames[-1] = replace(above, exception=piece.frame)
            self._hole(piece.place, "registers without a frame")

    def _hole(self, place: int, message: str) -> None:
        self._text.note(place, "partial", message, incomplete=True, late=True)

    def values(self) -> dict[str, Any]:
        """The fields of a `Trace` that hold these pieces."""
        return {
            "exception": self._exception,
            "start": self._start,
            "found": tuple(self._found),
            "stack": tuple(self._stack),
            "status": tuple(self._status),
            "marker": self.marker,
        }


def _check_levels(text: Text, found: Sequence[Frame], place: int) -> None:
    """Check that levels count up. They may begin again behind a marker or an interrupt frame alone."""
    for count, frame in enumerate(found):
        if frame.level != count:
            break
    else:
        return
    places = _FramePlaces(text, place)
    above: Frame | None = None
    for count, frame in enumerate(found):
        if fault := _fault(above, frame):
            places.complain(count, fault)
        above = frame


class _Fault(NamedTuple):
    """The fault of a frame below another one: it is impossible (``wrong``), or a frame is missing."""

    message: str
    wrong: bool = False
    blank: bool = False  # it counts only where a blank line stands between them


def _fault(above: Frame | None, frame: Frame) -> _Fault | None:
    level = frame.level
    if level is None:
        twice = above is not None and above.sp == frame.sp
        return _Fault("a text address stands twice") if twice else None
    if above is None or above.level is None:
        return _Fault(f"the first frame is #{level}") if level else None
    if level == above.level + 1 or (level == 0 and frame.marker):
        return None
    restarts = level == 0 and above.exception is not None and above.exception.mode == "kernel"
    message = f"frame #{above.level} is followed by #{level}"
    return _Fault(message, wrong=level <= above.level, blank=restarts)


class _FramePlaces:
    """The offsets of a trace's frames, searched for only where a frame doesn't follow the one above."""

    _line = expression(
        rf"^ *+(?:#\d{{1,4}}+ )?\[[ <]*+(?:BSP:)?{HEX}>?\] (?=[^\n]*? (?:at|from) )", re.MULTILINE | re.ASCII
    )

    def __init__(self, text: Text, start: int) -> None:
        self._text = text
        self._lines = self._line.finditer(text, start)
        self._start = self._above = start
        self._count = -1

    def complain(self, count: int, fault: _Fault) -> None:
        """Report the fault of the frame with that number, unless lines were left out above it."""
        place, above = self._place(count)
        if _ELIDED.search(self._text, above, place):
            return
        if fault.blank and self._text[place - 2 : place] != "\n\n":
            return
        if fault.wrong:
            self._text.misfit(place, fault.message)
        else:
            self._text.note(place, "partial", fault.message, incomplete=True, late=True)

    def _place(self, count: int) -> tuple[int, int]:
        while self._count < count:
            line = next(self._lines, None)
            self._above, self._start = self._start, line.start() if line else self._start
            self._count += 1
        return self._start, self._above


def _check_data(text: Text, found: Sequence[Frame], place: int) -> None:
    """Mark missing words: on x86 a frame's words reach the next frame; where one frame's do, all must."""
    heads, tails = [], []
    for frame, below in itertools.pairwise(found):
        if frame.data and frame.sp and below.sp and below.marker is None:
            heads.append(frame.data[0].address - frame.sp)
            tails.append(below.sp - frame.data[-1].address)
    if 0 in tails and (max(tails) > 0 or max(heads) > 8):
        text.note(place, "partial", "stack data is missing", incomplete=True, late=True)
