"""Messages of the kernel's log: a token that takes all of them in one loop, for megabytes of text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import ELIDED
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.terminals import Made, Terminal

_TIME = r"\[ *(?P<time>\d{1,12}\.\d{6})\] "
_DATE = r"\[(?P<date>(?:[A-Z][a-z]{2} ){2}[ \d]\d \d\d:\d\d:\d\d (?:[\w+-]{1,10} )?\d{4}|-?\d{1,20})\] "
_CALLER = r"(?:\[ *(?P<caller>[CT]\d{1,10})\] )?"
_LEVEL = r"(?:<(?P<level>[0-7])>)?"
# Before the record buffer of 3.5 (kernel commit 7ff9554bb578) the level stood in front of the time.
_OLD_LEVEL = r"<(?P<old>[0-7])>"
# crash itself, in the middle of a log.
_SPOKEN = expression(
    r"log: (?:duplicate log_buf message pointer|invalid log_buf entry encountered|[a-z][^\n]{0,120})"
    r"|WARNING: (?:cannot read [\w ]{1,40} contents|log buf data structure\(s\) have changed"
    r"|The messages could be truncated!)",
    re.ASCII,
)
_PROPERTY = expression(r"([A-Z][A-Z0-9_]{0,40})=([^\n]*)")
_BUFFER = expression(r"\[(\w{1,32}_seq)\] ", re.ASCII)


class _Prefix(NamedTuple):
    """The expression for a message's first line, whose text is the last group. ``free``: no time stands
    before the text (``log -t``).
    """

    pattern: re.Pattern[str]
    free: bool


def _prefix(source: Source) -> _Prefix:
    has = source.command.has
    behind = f"{_CALLER if has('c') else ''}{_LEVEL if has('m') else ''}"
    if has("t"):
        return _Prefix(re.compile(f"^{behind}(?P<text>.*)$", re.MULTILINE | re.ASCII), free=True)
    time = _DATE if has("T") else _TIME
    old = rf"|{_OLD_LEVEL}(?:{time.replace('?P<', '?P<old_')})?" if has("m") else ""
    return _Prefix(
        re.compile(rf"^(?:{time}{behind}{old})?(?P<text>[^\n]*+)", re.MULTILINE | re.ASCII), free=False
    )


class _Places(NamedTuple):
    """Indices in a match's groups; -1, the index of the None behind them, for a group that the expression
    lacks.
    """

    time: int
    old_time: int
    date: int
    old_date: int
    level: int
    old: int
    caller: int

    @classmethod
    def of(cls, pattern: re.Pattern[str]) -> _Places:
        return cls._make(pattern.groupindex.get(name, 0) - 1 for name in cls._fields)


class _Open:
    """The message that the next line may continue."""

    __slots__ = ("buffer", "found", "indent", "more", "properties")

    def __init__(self, found: re.Match[str], indent: str) -> None:
        self.found = found
        self.indent = indent
        # few messages have these: tens of thousands of empty lists and dicts would keep the garbage collector
        # busy
        self.more: list[str] | None = None
        self.properties: dict[str, str] | None = None
        self.buffer: re.Match[str] | None = None

    def goes_on(self, line: str, with_properties: bool) -> bool:  # noqa: FBT001 # for each line
        """Whether a line continues the message, by its indentation or as a property; if so it is kept."""
        if with_properties and _property(self, line):
            return True
        if not self.indent:
            return False
        if self.more is None:
            self.more = []
        self.more.append(line[len(self.indent) :])
        return True

    def entry(self, record: Callable[..., Any], at: _Places) -> Any:
        values: tuple[Any, ...] = (*self.found.groups(), None)
        text, buffer = values[-2], self.buffer
        time, level = values[at.time] or values[at.old_time], values[at.level] or values[at.old]
        if buffer is not None:
            text = text[buffer.end() :]
        return record(
            timestamp=float(time) if time else None,
            date=values[at.date] or values[at.old_date],
            level=int(level) if level else None,
            caller=values[at.caller],
            buffer=buffer and buffer[1],
            properties=self.properties,
            text="\n".join([text, *self.more]) if self.more else text,
        )


class Messages(Terminal):
    """All messages down to the end of the text; ``record`` takes the fields of a `LogEntry` by name.

    The prefix of a message depends on the command's options. A line without a prefix continues the message
    above if it is indented; else it is a message of its own. A message that begins within another one's line
    (a newline was lost) marks the answer: a message may quote another log, but not with a time between its
    own and the next message's.
    """

    leaves_notices = True

    def __init__(self, record: Callable[..., Any]) -> None:
        super().__init__(r"(?=[\s\S])", "a message: [SECONDS] TEXT")
        self._record = record

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002, ARG002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        if text.source.command.options:
            found = _entries(text, _prefix(text.source), self._record)
            _mark_joined(text, found, range(len(found)) if text.count("] ") > len(found) else ())
            return len(text), found
        plain = _Plain(text, self._record)
        plain.read()
        _mark_joined(text, plain.found, plain.suspect)
        return len(text), plain.found


# a line: its prefix, the time in that, the rest
_LINE = expression(rf"(?!\Z)((?:{_TIME})?+)([^\n]*+)\n?", re.ASCII)
_PIECE = 1 << 20
"""How many characters are split into lines at once: each line becomes three texts."""


class _Plain:
    """The messages of ``log`` without options, which may be megabytes: nothing but a time stands before a
    message.
    """

    def __init__(self, text: Text, record: Callable[..., Any]) -> None:
        self.text = text
        self.record = record
        self.found: list[Any] = []
        self.suspect: list[int] = []  # messages in whose line another one may begin
        self._indent = ""
        self._more: list[str] = []

    def read(self) -> None:
        """All messages of the text."""
        text, place = self.text, 0
        while place < len(text):
            end = text.next_line(min(place + _PIECE, len(text)))
            self._read(place, end)
            place = end
        self._join()

    def _read(self, place: int, end: int) -> None:
        found, more, record = self.found, self._more, self.record
        width, above = len(self._indent), 0
        lines = _LINE.findall(self.text, place, end)
        for number, (front, time, line) in enumerate(lines):
            if time:
                if more:
                    self._join()
                if len(front) != width:
                    width = len(front)
                    self._indent = " " * width
                if "] " in line:
                    self.suspect.append(len(found))
                found.append(record(timestamp=float(time), text=line))
            elif width and line.startswith(self._indent):
                more.append(line[width:])
            else:
                place += sum(len(front) + len(line) + 1 for front, _, line in lines[above:number])
                above = number
                self._untimed(place, line)
                width = len(self._indent)

    def _untimed(self, place: int, line: str) -> None:
        """Take a line that is no message with a time, and doesn't continue one."""
        self._join()
        if not _takes_other(self.text, place, line, timed=bool(self._indent)):
            buffer = _BUFFER.match(line)
            self.found.append(
                self.record(buffer=buffer and buffer[1], text=line[buffer.end() :] if buffer else line)
            )
            self._indent = ""  # no line continues a line without a time

    def _join(self) -> None:
        """Join the further lines of the last message."""
        if self._more:
            last, number = self.found[-1], len(self.found) - 1
            self.found[-1] = replace(last, text="\n".join([last.text, *self._more]))
            if self.suspect[-1:] != [number]:
                self.suspect.append(number)
            self._more.clear()


def _entries(text: Text, prefix: _Prefix, record: Callable[..., Any]) -> list[Any]:
    """``log`` with options."""
    found: list[Any] = []
    opened: _Open | None = None
    with_properties = text.source.command.has("d")
    behind, indent = prefix.pattern.groups, ""  # the text is the last group
    at = _Places.of(prefix.pattern)
    for match in prefix.pattern.finditer(text):
        start, line = match.start(), match[behind]
        width = match.start(behind) - start
        if width != len(indent):
            indent = " " * width
        if not width:
            if start == len(text):
                break
            if (
                opened is not None
                and line.startswith(opened.indent)
                and opened.goes_on(line, with_properties)
            ):
                continue
            if _takes_other(text, start, line, timed=not prefix.free and opened is not None):
                continue
        if opened is not None:
            found.append(opened.entry(record, at))
        opened = _Open(match, indent)
        if not width:
            opened.buffer = _BUFFER.match(line)
    if opened is not None:
        found.append(opened.entry(record, at))
    return found


def _property(opened: _Open, line: str) -> bool:
    """Whether a line is a property of the message (``SUBSYSTEM=pci``); with ``-t`` only its form tells it
    from a message.
    """
    found = _PROPERTY.fullmatch(line, len(opened.indent))
    if found is None or (not opened.indent and found[1] not in {"SUBSYSTEM", "DEVICE"}):
        return False
    if opened.properties is None:
        opened.properties = {}
    opened.properties[found[1]] = found[2]
    return True


def _takes_other(text: Text, place: int, line: str, *, timed: bool) -> bool:
    """Whether a line is no message, but ``...`` for left-out lines, or one of crash's own where messages have
    times; it is noted.
    """
    if line and line[-1] in ".] " and ELIDED.fullmatch(line.strip(" ")):
        text.note(place, "elided", "lines were left out here", incomplete=True)
        return True
    if (timed or place == 0) and _SPOKEN.fullmatch(line.rstrip("\r")):
        text.note(place, "error", line.strip(), text=line, incomplete=True)
        return True
    return False


# not at a line's beginning: an indented line may begin like a message
_WITHIN = expression(
    rf"(?<=[^\n])(?:{_TIME}"
    r"|\[(?P<date>(?:[A-Z][a-z]{2} ){2}[ \d]\d \d\d:\d\d:\d\d [^\]\n]{4,16})\] )",
    re.ASCII,
)


def _mark_joined(text: Text, found: list[Any], suspect: Iterable[int]) -> None:
    """Mark the suspect messages in whose line the next message begins."""
    for number in suspect:
        one = found[number]
        if "] " not in one.text or (begin := one.text.find("[")) < 0:
            continue
        if (inner := _WITHIN.search(one.text, begin)) is None:
            continue
        if _is_next(inner, one, found[number + 1] if number + 1 < len(found) else None):
            place = max(0, text.find(one.text[: inner.end()].rpartition("\n")[2]))
            text.note(place, "joined", "another message begins in this line", incomplete=True, late=True)


def _is_next(inner: re.Match[str], one: Any, following: Any) -> bool:
    """Whether a text within a message has the form of this log, and a time between this message and the next
    one.
    """
    if inner["time"] is None or one.timestamp is None:
        return inner["date"] is not None and one.date is not None
    last = following.timestamp if following is not None else None
    return bool(one.timestamp <= float(inner["time"]) <= (float("inf") if last is None else last))
