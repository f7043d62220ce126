"""The machine has nearly as many tasks as its limits allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, rule

if TYPE_CHECKING:
    from crashdrive.linux.processes.rows import TaskRow
    from crashdrive.linux.processes.totals import TaskTotals

PERCENT = 90.0


@rule(
    id="pid-exhaustion",
    severity="critical",
    looks_at=("ps.totals", "ps.tasks"),
    message="the machine has nearly as many tasks as pid_max or threads-max allows",
    threshold=f"{PERCENT:.0f} % of kernel.pid_max or kernel.threads-max, or more",
    explanation="fork() fails with EAGAIN; nobody can log in, and services can't start anything.",
    advice="Look for the parent of most of them: crashdrive report ps --tree. Limit it by pids.max.",
    reference="kernel/pid.c: alloc_pid(); kernel/fork.c: copy_process()",
)
def pid_exhaustion(totals: Iterable[TaskTotals], tasks: Iterable[TaskRow]) -> Iterator[Match]:
    full = [row for row in totals if row.used_percent >= PERCENT]
    if not full:
        return
    every = list(tasks)
    names = {row.pid: row.comm for row in every}
    first = full[0]
    told = f"{first.threads} threads; pid_max {first.pid_max}, threads-max {first.threads_max}"
    parents = Counter(row.ppid for row in every if row.ppid).most_common(3)
    most = [f"{names.get(pid) or '(unknown)'} ({pid}) has {count} children" for pid, count in parents]
    yield Match(evidence=(told, *most), count=1)
