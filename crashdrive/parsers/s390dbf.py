"""``s390dbf``: s390's debug feature logs.

Only crash built for s390 has it. Source in crash: s390dbf.c.

As crash prints it::

    crash> s390dbf
    Debug Logs:
    ==================
     - cio_msg
     - cio_trace
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import ELIDED
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
    """The number in the view ``level`` or ``pages``."""

    value: int


class DebugCopy(Record, frozen=True, kw_only=True):
    """The directory that all logs were written to (``-s``)."""

    directory: str


_RULE = r"={10,100}"
_PROLOG = "AREA TIME LEVEL EXCEPTION CP   CALLING FUNCTION + OFFSET          DATA"
# in characters: no entry of a log is that long
_LONGEST_DATA = 16384


def _names(*heading: str) -> Callable[[], g.ParserElement]:
    """A heading, a rule, then a name in each line::

    Debug Logs:
    ==================
     - cio_msg
    """

    def grammar() -> g.ParserElement:
        name = g.Row(r" - (\S[^\n]{0,200}?)", lambda row: DebugLog(name=row[1]), "a name: - NAME")
        return g.Gap() + g.Titles(*heading) + g.Rows(name, between=g.noise(g.Remark(_RULE)), least=0)

    return grammar


def _views() -> g.ParserElement:
    """The views of each log, and whether crash can show them::

    INSTALLED VIEWS FOR 'cio_msg':
    ==============================
     - sprintf (available)
     - raw (not available)
    """
    rules = g.noise(g.Remark(_RULE))
    head = g.Row(
        r"INSTALLED VIEWS FOR '([^\n]{0,200})':", lambda row: row[1], "a log: INSTALLED VIEWS FOR 'LOG':"
    )
    view = g.Row(
        r" - (\S[^\n]{0,200}?) \((not )?available\)",
        lambda row: DebugView(log="", name=row[1], available=not row[2]),
        "a view: - NAME (available)",
    )
    return g.Gap(rules) + head + g.Rows(view, between=rules, least=0)


def _of_log(_source: Source, found: list[Any]) -> list[DebugView]:
    log, *views = found
    return [replace(view, log=log) for view in views]


def _entries() -> g.ParserElement:
    """An entry per line; a message may hold newlines, and go on in the lines below::

    AREA TIME LEVEL EXCEPTION CP   CALLING FUNCTION + OFFSET          DATA
    ======================================================================
    00 01605913769:000042 2 - 0001 <ccw_device_do_sense       +0012>  SENSE
    """
    row = g.Row(
        r"(?P<area>\d{2,4}) (?P<seconds>\d{11,20}):(?P<micro>\d{6}) (?P<level>\d{1,3}) "
        r"(?P<exception>[-*]) (?P<cpu>\d{2,6}) "
        r"<(?P<function>[^\n]{1,300}?) *\+(?P<offset>-?\d{1,10})>  (?P<data>[^\n]*)",
        _entry,
        "an entry: AREA TIME LEVEL EXCEPTION CPU <FUNCTION+OFFSET> DATA",
    )
    between = g.noise(g.Remark(re.escape(_PROLOG)), g.Remark(_RULE))
    return g.Rows(row, between=between, least=0, continued=_goes_on)


def _entry(found: re.Match[str]) -> DebugEntry:
    return DebugEntry(
        area=int(found["area"]),
        timestamp=float(f"{int(found['seconds'])}.{found['micro']}"),
        level=int(found["level"]),
        exception=found["exception"] == "*",
        cpu=int(found["cpu"]),
        function=found["function"],
        offset=int(found["offset"]),
        data=found["data"],
    )


def _goes_on(_text: g.Text, _place: int, line: str, above: DebugEntry) -> DebugEntry | None:
    if line.rstrip() == _PROLOG or ELIDED.fullmatch(line.strip(" ")):
        return None
    data = f"{above.data}\n{line}"
    return replace(above, data=data) if len(data) <= _LONGEST_DATA else None


def _check_entries(source: Source, found: list[DebugEntry]) -> list[DebugEntry]:
    """The entries; none where crash prints the header alone."""
    headed = source.text.lstrip().startswith((_PROLOG, "=" * 10)) and not source.warnings
    entries = [replace(entry, data=entry.data.rstrip()) for entry in found]
    return entries if headed else demand_records(source, entries)


def _setting() -> g.ParserElement:
    """``3``."""
    return g.Gap() + g.Row(
        r"\s*+(-?\d{1,10})", lambda row: DebugSetting(value=int(row[1])), "a setting: a number"
    )


def _copy() -> g.ParserElement:
    """``Saving s390dbf to directory "/tmp/dbf"``; lines about files that weren't written become notices."""
    head = g.Row(
        r'Saving s390dbf to directory "([^\n]{1,4096})"',
        lambda row: DebugCopy(directory=row[1]),
        "the directory that the logs are written to",
    )
    failed = g.Remark(
        r"Could not create (?:directory|file): [^\n]{1,8192}|(?:Debug log|View) '[^\n]{0,200}' not \w{1,20}!",
        "error",
    )
    return g.Gap() + head + g.Gap(g.noise(failed))


SHAPES = (
    Shape(
        name="all-views",
        record=DebugLog,
        grammar=_names("REGISTERED", "VIEWS"),
        options="-v",
        when=lambda source: source.command.has("v"),
    ),
    Shape(
        name="copy",
        record=DebugCopy,
        grammar=_copy,
        options="-s directory",
        when=lambda source: source.command.has("s"),
    ),
    Shape(
        name="setting",
        record=DebugSetting,
        grammar=_setting,
        options="log level|pages",
        when=lambda source: source.command.arguments[1:2] in {("level",), ("pages",)},
    ),
    Shape(
        name="entries",
        record=DebugEntry,
        grammar=_entries,
        finish=_check_entries,
        options="log view",
        when=lambda source: len(source.command.arguments) > 1,
    ),
    Shape(
        name="views",
        record=DebugView,
        grammar=_views,
        finish=_of_log,
        options="log",
        when=lambda source: len(source.command.arguments) == 1,
    ),
    Shape(name="logs", record=DebugLog, grammar=_names("Debug", "Logs:"), options="(none)"),
)
EXAMPLES = ("s390dbf",)
