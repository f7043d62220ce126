r"""Hangs: blocked tasks by what they wait for, locks with their owners, deadlocks.

\b
Examples:
  crashdrive report hang vmcore
  crashdrive report hang --tasks vmcore       every blocked task, too
  crashdrive report hang --format json vmcore | jq '.tables.cycles'
  crashdrive report hang --format svg vmcore > locks.svg

A blocked task is in D, uninterruptible sleep. The tasks of a group wait for the same thing. Its root is the
last task in the chain of owners: it waits for no known owner, or is part of a cycle. A lock's reader is the
last one that took it: it may have left while others still read.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from crashdrive.linux.fs.frozen import frozen
from crashdrive.linux.locks.graph import cycles
from crashdrive.linux.locks.groups import groups, locks
from crashdrive.linux.locks.waits import read_waits
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of
from crashdrive.reports.system._lock_graph import lock_graph

NAME = "hang"
SUMMARY = "Hangs: blocked tasks in groups, locks and owners, deadlocks, frozen filesystems."
BTF = True
DRAWS = True
JUDGED = (NAME,)
OPTIONS = (Option(name="tasks", flags=("-t", "--tasks"), help="Every blocked task, with its owner."),)


def report(crash: Any, **asked: Any) -> Report:
    """Groups, locks, cycles and frozen filesystems; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    filesystems = survey.attempt("frozen filesystems", partial(frozen, survey))
    waits = read_waits(survey, filesystems)
    circles = list(cycles(waits))
    tables = [
        Table(name="groups", rows=list(groups(waits)), columns=_GROUP, title="Blocked tasks"),
        Table(name="locks", rows=list(locks(waits)), columns=_LOCK, title="Locks"),
        Table(name="cycles", rows=circles, title="Deadlocks"),
        Table(name="frozen", rows=filesystems, title="Frozen filesystems"),
    ]
    if asked["tasks"]:
        tables.append(Table(name="tasks", rows=waits, columns=_WAIT, title="Tasks"))
    found = judged(report_of(NAME, survey, tables), "system")
    return msgspec.structs.replace(found, pictures=tuple(lock_graph(waits, circles)))


_GROUP = ("tasks", "longest", "type", "lock", "function", "root_pid", "root_comm", "deadlocked", "pids")
_LOCK = ("lock", "module", "type", "owner_pid", "owner_comm", "waiters", "longest", "address")
_WAIT = ("pid", "comm", "seconds", "function", "caller", "type", "lock", "owner_pid", "owner_comm")
