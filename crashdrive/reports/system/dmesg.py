r"""The kernel's log, with level, caller, age before the crash and time of day.

\b
Examples:
  crashdrive report dmesg vmcore
  crashdrive report dmesg --level err --last 60 vmcore  errors, last minute
  crashdrive report dmesg --date --caller T1 vmcore     said by process 1
  crashdrive report dmesg --oops vmcore                 crash reports alone
  crashdrive report dmesg --format jsonl vmcore | jq -r .text

age: seconds before the last message. date: right unless the clock was set in the meantime. A lost message has
no text, and the report is marked as incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from crashdrive.linux import oops
from crashdrive.linux.clock import clock, iso_date
from crashdrive.linux.oops.rows import Reported, reported
from crashdrive.linux.printk.message import LEVELS
from crashdrive.linux.printk.messages import found
from crashdrive.linux.survey import Survey
from crashdrive.records import Record, Report, Table
from crashdrive.reports.base import Option, report_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.clock import Clock
    from crashdrive.linux.printk.message import Message

NAME = "dmesg"
SUMMARY = "The kernel's log: level, caller, age before the crash, time of day."
BTF = True
OPTIONS = (
    Option(
        name="level", flags=("-l", "--level"), help="Messages of this level and worse ones.", kind="text",
        choices=LEVELS,
    ),
    Option(name="last", flags=("--last",), help="Those of the last so many seconds.", kind="seconds"),
    Option(name="grep", flags=("-g", "--grep"), help="Those that hold this text, in any case.", kind="text"),
    Option(name="caller", flags=("--caller",), help="Those of a thread (T123) or CPU (C1).", kind="text"),
    Option(
        name="oops",
        flags=("--oops",),
        help="Those of crash reports: oopses, warnings, lockups, with their traces; a table of them first.",
    ),
    Option(name="date", flags=("-T", "--date"), help="Show the time of day (UTC)."),
)  # fmt: skip


class LogLine(Record, frozen=True):
    r"""A message of the log; ``text`` may hold several lines, joined by ``\n``, and is None where it is lost.

    ``timestamp``: seconds since boot; ``age``: seconds before the last message; ``date``: UTC, None where the
    timekeeper can't be read. ``caller``: ``T`` and a pid, or ``C`` and a CPU.
    """

    sequence: int
    timestamp: float
    age: float
    date: str | None
    level: str
    facility: str
    caller: str | None
    subsystem: str | None
    device: str | None
    text: str | None


def report(crash: Any, **asked: Any) -> Report:
    """The messages that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    messages = survey.attempt("its log", lambda: found(survey))
    times = survey.attempt("the time of day", lambda: [clock(survey)])
    rows = _lines(messages, times[0] if times else None)
    reported = _reported(rows) if asked["oops"] else []
    places = {at for one in reported for at in one.messages}
    kept = [row for at, row in enumerate(rows) if _wanted(row, asked) and (not asked["oops"] or at in places)]
    if asked["caller"] is not None:
        survey.require("caller", [asked["caller"]], {row.caller for row in rows if row.caller})
    when = "date" if asked["date"] else "timestamp"
    callers = ("caller",) if asked["caller"] else ()
    log = Table(name="log", rows=kept, columns=(when, "level", *callers, "text"), title="Log")
    if not asked["oops"]:
        return report_of(NAME, survey, (msgspec.structs.replace(log, title=None),))
    summary = Table(name="reports", rows=[one.row for one in reported], title="Crash reports")
    return report_of(NAME, survey, (summary, log))


class _Reported(NamedTuple):
    row: Reported
    messages: range


def _reported(rows: Sequence[LogLine]) -> list[_Reported]:
    """The crash reports of a log, and which of its messages they stand in."""
    lines = [
        (at, f"[{row.timestamp:12.6f}] {line}")
        for at, row in enumerate(rows)
        for line in (row.text or "").split("\n")
    ]
    events = oops.events("\n".join(line for _, line in lines))
    cause = oops.judge(events).cause
    return [
        _Reported(reported(event, cause), range(lines[event.line - 1][0], lines[event.end_line - 1][0] + 1))
        for event in events
    ]


def _lines(messages: Sequence[Message], times: Clock | None) -> list[LogLine]:
    end = messages[-1].timestamp if messages else 0.0
    return [
        LogLine(
            sequence=message.sequence, timestamp=message.timestamp, age=round(end - message.timestamp, 6),
            date=None if times is None else iso_date(times.date_of(message.timestamp), "milliseconds"),
            level=message.level, facility=message.facility, caller=message.caller,
            subsystem=message.subsystem, device=message.device, text=message.text,
        )
        for message in messages
    ]  # fmt: skip


def _wanted(row: LogLine, asked: dict[str, Any]) -> bool:
    if asked["level"] is not None and LEVELS.index(row.level) > LEVELS.index(asked["level"]):
        return False
    if asked["last"] is not None and row.age > asked["last"]:
        return False
    if asked["caller"] is not None and row.caller != asked["caller"]:
        return False
    return asked["grep"] is None or (row.text is not None and asked["grep"].lower() in row.text.lower())
