r"""RCU: the grace period, how old it is, which CPUs and tasks hold it up, callbacks that wait.

\b
Examples:
  crashdrive report rcu vmcore
  crashdrive report rcu --format json vmcore | jq '.tables.grace_period[0]'

held_up_cpus: CPUs from which a quiescent state is missing; where the grace period is old, they didn't leave
the kernel, didn't switch tasks and weren't idle for that long. crashdrive report stacks shows where they are.
Sleepable RCU (SRCU) and RCU of tasks aren't shown.
"""

from __future__ import annotations

from typing import Any

from crashdrive.linux.rcu.grace_periods import rcu
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import judged, report_of

NAME = "rcu"
SUMMARY = "RCU: the grace period, who holds it up, callbacks that wait."
BTF = True
JUDGED = (NAME,)
OPTIONS = ()


def report(crash: Any, **_asked: Any) -> Report:
    """Everything; there are no options."""
    survey = Survey(crash.kernel)
    found = next(iter(survey.attempt("RCU", lambda: [rcu(survey)])), None)
    periods, cpus, readers = found or ([], [], [])
    tables = [
        Table(name="grace_period", rows=periods, layout="fields", title="Grace period"),
        Table(name="cpus", rows=cpus, title="CPUs"),
        Table(name="readers", rows=readers, title="Tasks that block it"),
    ]
    return judged(report_of(NAME, survey, tables), "system")
