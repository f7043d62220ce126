"""A process has nearly as many files open as its limit allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.processes.rows import TaskRow

PERCENT = 90


@rule(
    id="open-files-limit",
    severity="warning",
    looks_at=("ps.tasks",),
    message="{count:process has|processes have} nearly as many files open as allowed",
    threshold=f"{PERCENT} % of RLIMIT_NOFILE, or more",
    explanation="open(), accept() and socket() fail with EMFILE: a server takes no more connections.",
    advice="See the files: crashdrive report ps --pid PID --files. A leak has thousands of one kind.",
    reference="fs/file.c: alloc_fd()",
)
def open_files_limit(tasks: Iterable[TaskRow]) -> Iterator[Match]:
    return matches((row for row in tasks if _is_full(row)), _told)


def _is_full(row: TaskRow) -> bool:
    most = row.open_files_limit or 0
    return row.pid == row.tgid and bool(most) and (row.open_files or 0) * 100 >= most * PERCENT


def _told(row: TaskRow) -> str:
    return f"{row.comm} ({row.pid}): {row.open_files} of {row.open_files_limit}"
