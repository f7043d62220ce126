r"""Hangs: blocked tasks by what they wait for, locks with their owners, deadlocks.

\b
Examples:
  crashdrive report hang vmcore
  crashdrive report hang --tasks vmcore       every blocked task, too
  crashdrive report hang --sleepers vmcore    who waits for a peer or a futex
  crashdrive report hang --cpus --futexes --frozen vmcore
  crashdrive report hang --format json vmcore | jq '.tables.cycles'
  crashdrive report hang --format svg vmcore > locks.svg

A blocked task is in D, uninterruptible sleep. The tasks of a group wait for the same thing. Its root is the
last task in the chain of owners: it waits for no known owner, or is part of a cycle. A lock's reader is the
last one that took it: it may have left while others still read.

Sleepers are in S, interruptible sleep, in a wait for the peer of a unix socket
or for a futex; most of them wait for work. They are asked for with --sleepers;
without it, those that blocked tasks wait for count.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from crashdrive.linux.fs.frozen import frozen
from crashdrive.linux.futexes.waiters import futexes
from crashdrive.linux.locks.graph import cycles
from crashdrive.linux.locks.groups import groups, locks
from crashdrive.linux.locks.sleepers import read_sleepers, sleeping_owners
from crashdrive.linux.locks.waits import read_waits
from crashdrive.linux.sched.frozen_tasks import frozen_tasks
from crashdrive.linux.smp.waits import ipi_waits
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of
from crashdrive.reports.system._lock_graph import lock_graph

NAME = "hang"
SUMMARY = "Hangs: blocked tasks in groups, locks and owners, deadlocks, frozen filesystems."
BTF = True
DRAWS = True
JUDGED = (NAME,)
OPTIONS = (
    Option(name="tasks", flags=("-t", "--tasks"), help="Every blocked task, with its owner."),
    Option(
        name="sleepers", flags=("-s", "--sleepers"),
        help="Tasks in S that wait for a unix socket's peer or a futex, too.",
    ),
    Option(name="cpus", flags=("-c", "--cpus"), help="Running tasks that wait for other CPUs (IPIs), too."),
    Option(name="futexes", flags=("-f", "--futexes"), help="Futexes with those who wait for them, too."),
    Option(name="frozen", flags=("--frozen",), help="Tasks that the freezer or a cgroup stopped, too."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """Groups, locks, cycles and frozen filesystems; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    filesystems = survey.attempt("frozen filesystems", partial(frozen, survey))
    waits = read_waits(survey, filesystems)
    asleep = read_sleepers(survey) if asked["sleepers"] else sleeping_owners(survey, waits)
    every = [*waits, *asleep]
    circles = list(cycles(every))
    tables = [
        Table(name="groups", rows=list(groups(waits, asleep)), columns=_GROUP, title="Blocked tasks"),
        Table(name="locks", rows=list(locks(waits)), columns=_LOCK, title="Locks"),
        Table(name="cycles", rows=circles, title="Deadlocks"),
        Table(name="frozen", rows=filesystems, title="Frozen filesystems"),
    ]
    if asked["tasks"]:
        tables.append(Table(name="tasks", rows=waits, columns=_WAIT, title="Tasks"))
    if asked["sleepers"]:
        rows = list(groups(asleep, waits))
        tables.append(Table(name="sleeping_groups", rows=rows, columns=_GROUP, title="Sleepers"))
        tables.append(Table(name="sleepers", rows=asleep, columns=_SLEEPER, title="Each sleeper"))
    if asked["cpus"]:
        spinning = survey.attempt("tasks that wait for CPUs", partial(ipi_waits, survey))
        tables.append(Table(name="ipi_waits", rows=spinning, columns=_IPI, title="Tasks that wait for CPUs"))
    if asked["futexes"]:
        words = survey.attempt("futexes", partial(futexes, survey))
        tables.append(Table(name="futexes", rows=words, title="Futexes"))
    if asked["frozen"]:
        stopped = survey.attempt("frozen tasks", partial(frozen_tasks, survey))
        tables.append(Table(name="frozen_tasks", rows=stopped, title="Frozen tasks"))
    found = judged(report_of(NAME, survey, tables), "system")
    return msgspec.structs.replace(found, pictures=tuple(lock_graph(every, circles)))


_GROUP = ("tasks", "longest", "type", "lock", "function", "root_pid", "root_comm", "deadlocked", "pids")
_LOCK = ("lock", "module", "type", "owner_pid", "owner_comm", "waiters", "longest", "address")
_WAIT = ("pid", "comm", "seconds", "function", "caller", "type", "lock", "owner_pid", "owner_comm")
_SLEEPER = (
    "pid",
    "comm",
    "seconds",
    "type",
    "lock",
    "owner_pid",
    "owner_comm",
    "owner_doubt",
    "holder_pids",
    "note",
)
_IPI = (
    "cpu", "pid", "comm", "waiting_in", "caller", "waits_for_cpus", "called_functions", "target_tick_seconds",
)  # fmt: skip
