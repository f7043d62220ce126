r"""Workqueues: what their workers run and since when, what waits, pools that make no progress.

\b
Examples:
  crashdrive report workqueues vmcore
  crashdrive report workqueues --all vmcore    those without work, too
  crashdrive report workqueues --format json vmcore | jq '.tables.busy'

stalled_seconds: how long no worker of a pool took an item while some waited, as the kernel's own watchdog
counts. held_work waits for others of its queue (max_active). running_seconds needs a kernel since 6.5.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.survey import Survey
from crashdrive.linux.workqueues.pools import worker_pools
from crashdrive.linux.workqueues.queues import workqueues
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "workqueues"
SUMMARY = "Workqueues: what workers run, what waits for them, pools that are stuck."
BTF = True
JUDGED = (NAME,)
OPTIONS = (Option(name="all", flags=("-a", "--all"), help="Queues and pools without work, too."),)


def report(crash: Any, **asked: Any) -> Report:
    """Pools, workers, items and queues; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = next(iter(survey.attempt("pools of workers", lambda: [worker_pools(survey)])), None)
    pools, busy, pending = found or ([], [], [])
    queues = survey.attempt("workqueues", partial(workqueues, survey, pending))
    if not asked["all"]:
        queues = [one for one in queues if one.active_work != 0 or one.waiting_work or one.held_work]
        pools = [one for one in pools if one.pending_work or one.workers != one.idle_workers]
    tables = [
        Table(name="busy", rows=busy, columns=_BUSY, title="Workers that run something"),
        Table(name="pending", rows=pending, title="Work that waits for a worker"),
        Table(name="pools", rows=pools, columns=_POOL, title="Pools"),
        Table(name="queues", rows=queues, columns=_QUEUE, title="Workqueues"),
    ]
    return judged(report_of(NAME, survey, tables), "system")


_BUSY = (
    "pid",
    "comm",
    "pool",
    "workqueue",
    "work_function",
    "running_seconds",
    "scheduled_work",
    "description",
)
_POOL = ("pool", "cpu", "nice", "workers", "idle_workers", "pending_work", "stalled_seconds", "managed")
_QUEUE = ("workqueue", "active_work", "waiting_work", "held_work", "max_active", "queue_flags", "rescuer_pid")
