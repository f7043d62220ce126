"""``s390dbf``: s390's debug feature logs.

Only crash built for s390 has it. Source in crash: s390dbf.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import is_elided, note_error
from crashdrive.parsers.grammar.rows import demand_records, lines_of, skip_or_reject
from crashdrive.records import Record


class DebugLog(Record, frozen=True, kw_only=True):
    """A debug log, or (``-v``) a view of logs, by name."""

    name: str


class DebugView(Record, frozen=True, kw_only=True):
    """A view that a debug log was registered for; ``available``: crash can show it."""

    log: str
    name: str
    available: bool


class DebugEntry(Record, frozen=True, kw_only=True):
    """An entry of a debug log: area, time in seconds since 1970, level, CPU, caller.

    ``exception``: it was logged as one. ``function`` and ``offset``: the caller; ``data``: the view's text
    (hexadecimal bytes and characters in ``hex_ascii``, a message in ``sprintf``), its lines joined.
    """

    area: int
    timestamp: float
    level: int
    exception: bool
    cpu: int
    function: str
    offset: int
    data: str


class DebugSetting(Record, frozen=True, kw_only=True):
    """What the views ``level`` and ``pages`` hold: one number."""

    value: int


class DebugCopy(Record, frozen=True, kw_only=True):
    """The directory that all logs were written to (``-s``)."""

    directory: str


OPTSTRING = "vs"
EXAMPLES = ("s390dbf",)

_NAME = re.compile(r" - (\S[^\n]{0,200}?)[ ]*")
_RULE = re.compile(r"={10,100}[ ]*")
_VIEW = re.compile(r" - (\S[^\n]{0,200}?) \((not )?available\)[ ]*")
_VIEWS = re.compile(r"INSTALLED VIEWS FOR '([^\n]{0,200})':[ ]*")
_ENTRY = re.compile(
    r"(?P<area>\d{2,4}) (?P<seconds>\d{11,20}):(?P<micro>\d{6}) (?P<level>\d{1,3}) "
    r"(?P<exception>[-*]) (?P<cpu>\d{2,6}) "
    r"<(?P<function>[^\n]{1,300}?) *\+(?P<offset>-?\d{1,10})>  (?P<data>[^\n]*)"
)
_PROLOG = "AREA TIME LEVEL EXCEPTION CP   CALLING FUNCTION + OFFSET          DATA"


def _names(heading: str) -> Callable[[Source], list[DebugLog]]:
    def parse(source: Source) -> list[DebugLog]:
        found: list[DebugLog] = []
        headed = False
        for offset, line in lines_of(source.text, 0, len(source.text)):
            name = _NAME.fullmatch(line)
            if line.strip() == heading and not headed:
                headed = True
            elif name and headed:
                found.append(DebugLog(name=name[1]))
            elif not (headed and _RULE.fullmatch(line)):
                skip_or_reject(source, offset, line, "no name of a log or view")
        if not headed:
            source.fail(0, f"no line {heading!a}")
        return found

    return parse


def _parse_views(source: Source) -> list[DebugView]:
    log: str | None = None
    found: list[DebugView] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        head, view = _VIEWS.fullmatch(line), _VIEW.fullmatch(line)
        if head and log is None:
            log = head[1]
        elif view and log is not None:
            found.append(DebugView(log=log, name=view[1], available=not view[2]))
        elif not _RULE.fullmatch(line):
            skip_or_reject(source, offset, line, "no view of a log")
    if log is None:
        source.fail(0, "no log")
    return found


def _parse_entries(source: Source) -> list[DebugEntry]:
    """A message may hold newlines: a line that begins no entry goes on with the one above it."""
    heads: list[re.Match[str]] = []
    data: list[list[str]] = []
    prolog = False
    for offset, line in lines_of(source.text, 0, len(source.text)):
        entry = _ENTRY.fullmatch(line)
        if entry:
            heads.append(entry)
            data.append([entry["data"]])
        elif line.rstrip() == _PROLOG or (not heads and _RULE.fullmatch(line)):
            prolog = True
        elif is_elided(source, offset, line):
            continue
        elif heads:
            data[-1].append(line)
        else:
            skip_or_reject(source, offset, line, "no entry of a debug log")
    found = [_entry(head, lines) for head, lines in zip(heads, data, strict=True)]
    return found if prolog and not source.warnings else demand_records(source, found)


def _entry(head: re.Match[str], lines: list[str]) -> DebugEntry:
    return DebugEntry(
        area=int(head["area"]),
        timestamp=float(f"{int(head['seconds'])}.{head['micro']}"),
        level=int(head["level"]),
        exception=head["exception"] == "*",
        cpu=int(head["cpu"]),
        function=head["function"],
        offset=int(head["offset"]),
        data="\n".join(lines).rstrip(),
    )


def _parse_setting(source: Source) -> list[DebugSetting]:
    found = re.fullmatch(r"\s*+(-?\d{1,10})\s*+", source.text)
    return [DebugSetting(value=int(found[1]))] if found else source.fail(0, "no number")


_SAVING = re.compile(r'Saving s390dbf to directory "([^\n]{1,4096})"')
_NOT_SAVED = re.compile(
    r"Could not create (?:directory|file): [^\n]{1,8192}|(?:Debug log|View) '[^\n]{0,200}' not \w{1,20}!"
)


def _parse_copy(source: Source) -> list[DebugCopy]:
    """What couldn't be written is told in lines of its own."""
    found: list[DebugCopy] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        if not found and (head := _SAVING.fullmatch(line)):
            found.append(DebugCopy(directory=head[1]))
        elif found and _NOT_SAVED.fullmatch(line):
            note_error(source, offset, line)
        else:
            skip_or_reject(source, offset, line, "nothing about copied logs")
    return demand_records(source, found)


SHAPES = (
    Shape(
        name="all-views",
        record=DebugLog,
        parse=_names("REGISTERED VIEWS"),
        options="-v",
        when=lambda source: source.command.has("v"),
    ),
    Shape(
        name="copy",
        record=DebugCopy,
        parse=_parse_copy,
        options="-s directory",
        when=lambda source: source.command.has("s"),
    ),
    Shape(
        name="setting",
        record=DebugSetting,
        parse=_parse_setting,
        options="log level|pages",
        when=lambda source: source.command.arguments[1:2] in {("level",), ("pages",)},
    ),
    Shape(
        name="entries",
        record=DebugEntry,
        parse=_parse_entries,
        options="log view",
        when=lambda source: len(source.command.arguments) > 1,
    ),
    Shape(
        name="views",
        record=DebugView,
        parse=_parse_views,
        options="log",
        when=lambda source: len(source.command.arguments) == 1,
    ),
    Shape(name="logs", record=DebugLog, parse=_names("Debug Logs:"), options="(none)"),
)
