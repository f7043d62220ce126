"""What came up, and what it can't do: kept for the user, never printed and forgotten."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.records import Record
from crashdrive.session.result import CommandResult, Runner
from crashdrive.text import printable

# what a session that was started with an option can't do
MISSING_WITH = {
    "--no_modules": "modules and their symbols",
    "--no_kmem_cache": "slab caches (kmem -s, -S, and addresses in slabs)",
    "--zero_excluded": "telling pages that were excluded from zeros while crash starts",
    "--minimal": "all commands but log, dis, rd, sym, eval, set",
}
# commands whose answer is short when crash's task table is
_TASK_COMMANDS = ("ps", "foreach", "bt", "task", "runq", "files", "vm", "net", "sig", "fuser", "sys")


class HealthWarning(Record, frozen=True):
    """A reason to doubt answers: ``kind`` (``start-warning``, ``task-table``, ``unchecked``, ``degraded``,
    ``restarted``), crash's or our words, and the commands that it ``affects`` ("*": all).
    """

    kind: str
    message: str
    affects: tuple[str, ...] = ()


class Attempt(Record, frozen=True):
    """One rung of the start-up ladder: ``outcome`` is ``prompt``, ``failed`` or ``deadline``."""

    binary: str
    version: str | None
    options: tuple[str, ...]
    seconds: float
    outcome: str
    said: str


class Health(Record, frozen=True):
    """The session that came up: binary, start options, what was tried, what it warns of, what it can't do."""

    binary: str
    version: str | None
    gdb_version: str | None
    options: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    warnings: tuple[HealthWarning, ...]
    missing: tuple[str, ...]

    def affecting(self, command: str) -> tuple[HealthWarning, ...]:
        """The warnings that make this command's answer doubtful."""
        return tuple(w for w in self.warnings if command in w.affects or "*" in w.affects)


def greeting_warnings(greeting: str) -> list[HealthWarning]:
    """crash's words before its first prompt; under ``-s`` they are the only hint of silent failures."""
    lines = [printable(line.strip()) for line in greeting.splitlines()]
    return [HealthWarning(kind="start-warning", message=line) for line in lines if line]


def option_warnings(options: Sequence[str]) -> list[HealthWarning]:
    """What the start options cost."""
    return [
        HealthWarning(kind="degraded", message=f"started with {option}: without {MISSING_WITH[option]}")
        for option in options
        if option in MISSING_WITH
    ]


def task_table_warnings(runner: Runner) -> list[HealthWarning]:
    """Whether crash's task table holds all tasks that a walk over ``init_task.tasks`` finds.

    crash before 8.0.4 knows only the active tasks of kernels whose ``struct pid`` ends in a flexible array
    (kernel commit b69f0aeb0689), and says so only by a WARNING at the start.
    """
    table, walk = runner.run_many(["ps", "list task_struct.tasks -h init_task"])
    if not table.ok or not walk.ok:
        return [_unchecked(table, walk)]
    known = set(re.findall(r"^[> ] *\d+ +\d+ +\d+ +([0-9a-f]{8,16}) ", table.text, re.MULTILINE))
    walked = set(walk.text.split())
    lost = walked - known
    if not lost:
        return []
    message = (
        f"crash knows {len(known)} tasks, a walk over init_task.tasks finds {len(walked)} thread groups, "
        f"{len(lost)} of them unknown to crash: its task commands are incomplete on this dump"
    )
    return [HealthWarning(kind="task-table", message=message, affects=_TASK_COMMANDS)]


def _unchecked(table: CommandResult, walk: CommandResult) -> HealthWarning:
    failure = table.failure or walk.failure
    said = printable(failure.message) if failure else ""
    return HealthWarning(
        kind="unchecked", message=f"crash's task table could not be checked: {said}", affects=_TASK_COMMANDS
    )
