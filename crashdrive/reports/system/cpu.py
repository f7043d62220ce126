r"""CPUs: the task that ran and since when, waiting tasks, tick, times, softirqs, limits.

\b
Examples:
  crashdrive report cpu vmcore
  crashdrive report cpu --format json vmcore | jq '.tables.cpus'

running_seconds: how long the task has been running without a switch. lag_seconds: how far the CPU's clock is
behind the newest one. tick_seconds: since its last tick. An idle CPU needs neither. CPU times are seconds
since boot.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.irq.softirqs import softirqs
from crashdrive.linux.sched.activity import activity
from crashdrive.linux.sched.bandwidth import limited_groups
from crashdrive.linux.sched.cpu_states import cpu_states, run_queues
from crashdrive.linux.sched.cpu_times import cpu_times
from crashdrive.linux.sched.queued import queued_tasks
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import judged, report_of

NAME = "cpu"
SUMMARY = "CPUs: the task that ran, waiting tasks, tick, times, softirqs, limits."
BTF = True
JUDGED = (NAME,)
OPTIONS = ()


def report(crash: Any, **_asked: Any) -> Report:
    """Everything; there are no options."""
    survey = Survey(crash.kernel)
    # one element, or none where they can't be read
    queues = survey.attempt("run queues", lambda: [run_queues(survey)])
    states = [row for one in queues for row in survey.attempt("CPUs", partial(cpu_states, survey, one))]
    tasks = [
        row for one in queues for row in survey.attempt("queued tasks", partial(queued_tasks, survey, one))
    ]
    tables = (
        Table(name="activity", rows=survey.attempt("activity", partial(activity, survey)), layout="fields"),
        Table(name="cpus", rows=states, columns=_CPU, title="CPUs"),
        Table(name="queued", rows=tasks, columns=_TASK, title="Tasks that run or wait for a CPU"),
        Table(
            name="times",
            rows=survey.attempt("times", partial(cpu_times, survey)),
            columns=_TIMES,
            title="Times",
        ),
        Table(
            name="softirqs",
            rows=survey.attempt("softirqs", partial(softirqs, survey)),
            columns=("softirq", "counts", "pending_cpus"),
            title="Softirqs",
        ),
        Table(
            name="limits",
            rows=survey.attempt("limits of groups", partial(limited_groups, survey)),
            title="Groups with a limit",
        ),
    )
    return judged(report_of(NAME, survey, tables), "system")


_CPU = (
    "cpu", "comm", "pid", "running_seconds", "runnable", "realtime_tasks", "tick_seconds", "lag_seconds",
    "softirqs", "sched_class", "switches", "iowait",
)  # fmt: skip
_TIMES = (
    "cpu", "user_seconds", "system_seconds", "idle_seconds", "iowait_seconds", "steal_percent",
    "softirq_seconds", "irq_seconds", "nice_seconds", "steal_seconds", "guest_seconds", "guest_nice_seconds",
)  # fmt: skip
_TASK = (
    "cpu", "running", "pid", "comm", "sched_class", "policy", "priority", "waiting_seconds", "delayed",
    "vruntime", "virtual_deadline", "deadline_seconds",
)  # fmt: skip
