"""Processes that don't wait for their ended children."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.processes.rows import TaskRow

COUNT = 20


@rule(
    id="zombies",
    severity="warning",
    looks_at=("ps.tasks",),
    message="{count:process doesn't|processes don't} wait for children that have ended",
    threshold=f"{COUNT} zombies of one parent, or more",
    explanation="Each keeps its pid and its task_struct until its parent waits for it, or ends.",
    advice="The parent's program is at fault; see its stack: crashdrive report stacks --each --pid PID.",
    reference="kernel/exit.c: exit_notify()",
)
def zombies(tasks: Iterable[TaskRow]) -> Iterator[Match]:
    every = list(tasks)
    names = {row.pid: row.comm for row in every}
    children: dict[int, list[TaskRow]] = {}
    for row in every:
        if row.state_letter == "Z" and row.ppid is not None and row.pid == row.tgid:
            children.setdefault(row.ppid, []).append(row)
    guilty = [(ppid, rows) for ppid, rows in children.items() if len(rows) >= COUNT]
    guilty.sort(key=lambda pair: -len(pair[1]))
    return matches(
        guilty,
        lambda pair: f"{names.get(pair[0]) or '(unknown)'} ({pair[0]}): {len(pair[1])} zombies",
    )
