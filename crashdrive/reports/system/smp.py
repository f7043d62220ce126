r"""Calls between CPUs by interrupts (IPIs): what is queued, who waits for which CPU.

\b
Examples:
  crashdrive report smp vmcore
  crashdrive report smp --waiting vmcore
  crashdrive report smp --format json vmcore | jq '.tables.cpus[]'

A CPU that waits (waits_for_cpus) spins until the other ones have run the function; one that has its
interrupts off never does. target_tick_seconds: since the last tick of the CPU that shall run it. Calls that
nobody waits for are there, too: wakeups of tasks, completions of block requests, IRQ work.
"""

from __future__ import annotations

from typing import Any

from crashdrive.linux.smp.calls import Smp, smp
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "smp"
SUMMARY = "Calls between CPUs (IPIs): queues, who waits for which CPU."
BTF = True
JUDGED = (NAME,)
OPTIONS = (Option(name="waiting", flags=("-w", "--waiting"), help="Calls alone that somebody waits for."),)


def report(crash: Any, **asked: Any) -> Report:
    """All CPUs and calls, or those that are waited for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = next(iter(survey.attempt("calls between CPUs", lambda: [smp(survey)])), Smp([], []))
    calls = [call for call in found.calls if call.waits or not asked["waiting"]]
    tables = [
        Table(name="cpus", rows=found.cpus, title="CPUs"),
        Table(name="calls", rows=calls, columns=_CALL, title="Calls that aren't done"),
    ]
    return judged(report_of(NAME, survey, tables), "system")


_CALL = (
    "from_cpu", "to_cpu", "call_kind", "called_function", "call_state", "waits", "pid", "comm", "woken_pid",
    "target_tick_seconds",
)  # fmt: skip
