"""``runq -t``, ``-T``, ``-m``: a run queue's clock, how far it lags, how long the CPU's task has been
running.

Source in crash: ``dump_on_rq_timestamp()``, ``dump_on_rq_lag()``, ``dump_on_rq_milliseconds()`` (task.c).
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.grammar.tasks import TASK, TaskHeader, header_of
from crashdrive.records import Long, Record


class QueueClock(Record, frozen=True, kw_only=True):
    """Timestamps (``-t``): the run queue's, and when the running task last got the CPU."""

    cpu: int
    offline: bool = False
    timestamp: Long | None = None
    last_run: Long | None = None
    current: TaskHeader | None = None


class Lag(Record, frozen=True, kw_only=True):
    """How many seconds a CPU's run queue lags behind the most recent one (``-T``)."""

    cpu: int
    lag: float


class Running(Record, frozen=True, kw_only=True):
    """For how many seconds a CPU's task has been running (``-m``); None where crash doesn't know the task."""

    cpu: int
    offline: bool = False
    running: float | None = None
    current: TaskHeader | None = None


def clocks() -> g.ParserElement:
    """The run queue's clock, and below it when the running task got the CPU::

    CPU 0: 32544481071
           32521958250  PID: 391    TASK: ffff8ea557378000  COMMAND: "spinner"
    CPU 1: [OFFLINE]
    """
    clock = g.Row(
        r" *+CPU (?P<cpu>\d{1,6}): (?:\[OFFLINE\]|(?P<time>[0-9a-f]{1,20}))",
        lambda found: QueueClock(
            cpu=int(found["cpu"]), offline=found["time"] is None, timestamp=_number(found["time"])
        ),
        "a CPU's time: CPU TIMESTAMP",
    )
    task = g.Row(
        rf" *+(?P<last>[0-9a-f]{{1,20}}) +{TASK}",
        lambda found: (_number(found["last"]), header_of(found)),
        "when a task got the CPU: TIMESTAMP PID TASK COMMAND",
    )
    return g.Blocks(clock, task, make=_clock)


def _clock(text: g.Text, place: int, clock: QueueClock, tasks: list[Any]) -> tuple[int, QueueClock]:
    if len(tasks) > (not clock.offline):
        g.Line("a CPU's time: CPU TIMESTAMP").miss(text, text.next_line(place))
    for last, task in tasks:
        clock = replace(clock, last_run=last, current=task)
    return place, clock


def _number(text: str | None) -> int | None:
    """A timestamp: decimal, or hexadecimal where it holds a letter (output radix 16)."""
    return None if text is None else int(text, 10 if text.isdecimal() else 16)


def lags() -> g.ParserElement:
    """``CPU 0: 0.01 secs``, one a line."""
    return g.Rows(
        g.Row(
            r" *+CPU (?P<cpu>\d{1,6}): (?P<lag>\d{1,12}\.\d\d) secs",
            lambda row: (row.start(), Lag(cpu=int(row["cpu"]), lag=float(row["lag"]))),
            "a CPU's lag: CPU SECONDS",
        )
    )


def running() -> g.ParserElement:
    """``CPU 0: [0 00:00:00.022]  PID: 391 ...``, one a line; ``[OFFLINE]``, ``[unknown]``."""
    time = r"(?P<days>\d{1,9}) (?P<hours>\d\d):(?P<minutes>\d\d):(?P<seconds>\d\d\.\d{3})"
    return g.Rows(
        g.Row(
            rf" *+CPU (?P<number>\d{{1,6}}): \[(?: *{time}\] +{TASK}|(?P<other>OFFLINE|unknown)\])",
            lambda row: (row.start(), _running(row)),
            "how long a CPU's task runs: CPU [TIME] PID TASK COMMAND",
        )
    )


def _running(row: re.Match[str]) -> Running:
    cpu = int(row["number"])
    if row["other"]:
        return Running(cpu=cpu, offline=row["other"] == "OFFLINE")
    minutes = (int(row["days"]) * 24 + int(row["hours"])) * 60 + int(row["minutes"])
    return Running(cpu=cpu, running=round(minutes * 60 + float(row["seconds"]), 3), current=header_of(row))
