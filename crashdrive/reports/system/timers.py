r"""Pending timers: of the wheel and of high resolution, each with its function; wheels and CPUs.

\b
Examples:
  crashdrive report timers vmcore
  crashdrive report timers --cpu 1 vmcore
  crashdrive report timers --format json vmcore | jq '.tables.hrtimers[]'

expires_left: seconds until a timer is due, negative where it is overdue. A timer that has been overdue for
long waits for a CPU that runs no softirqs or interrupts. lag_seconds: how far a wheel's clock is behind; the
clock of an idle CPU stands still.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.survey import Survey
from crashdrive.linux.time.hrtimers import hrtimers
from crashdrive.linux.time.wheel import timer_wheels, wheel_timers
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "timers"
SUMMARY = "Pending timers with their functions; wheels that are late."
BTF = True
JUDGED = (NAME,)
OPTIONS = (Option(name="cpu", flags=("-c", "--cpu"), kind="integer", many=True, help="Those of this CPU."),)


def report(crash: Any, **asked: Any) -> Report:
    """The timers that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    survey.require("CPU", map(str, asked["cpu"]), map(str, survey.kernel.cpus))
    pending = survey.attempt("timers", partial(wheel_timers, survey))
    wheels = survey.attempt("timer wheels", partial(timer_wheels, survey, pending))
    found = next(iter(survey.attempt("timers of high resolution", lambda: [hrtimers(survey)])), None)
    high, cpus = found or ([], [])
    tables = [
        Table(name="timers", rows=_of(asked, pending), title="Timers of the wheel"),
        Table(name="hrtimers", rows=_of(asked, high), columns=_HIGH, title="Timers of high resolution"),
        Table(name="wheels", rows=_of(asked, wheels), columns=_WHEEL, title="Wheels"),
        Table(name="cpus", rows=_of(asked, cpus), title="Timers of high resolution by CPU"),
    ]
    return judged(report_of(NAME, survey, tables), "system")


def _of(asked: dict[str, Any], rows: list[Any]) -> list[Any]:
    return [row for row in rows if not asked["cpu"] or row.cpu in asked["cpu"]]


_HIGH = (
    "cpu",
    "clock_name",
    "expires_left",
    "earliest_left",
    "timer_function",
    "pid",
    "comm",
    "timer_address",
)
_WHEEL = ("cpu", "wheel", "timer_count", "lag_seconds", "next_left", "wheel_idle", "running_function")
