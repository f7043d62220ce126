"""Which crash came up, and what it can't do: kept for the user, never printed and forgotten."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from crashdrive.commandline import resting_on
from crashdrive.dump.identity import DumpIdentity
from crashdrive.records import Record
from crashdrive.session.result import CommandResult, Runner
from crashdrive.text import counted, printable

# what a session that was started with an option can't do
MISSING_WITH = {
    "--no_modules": "modules and their symbols",
    "--no_kmem_cache": "slab caches (kmem -s, -S, and addresses in slabs)",
    "--zero_excluded": "telling pages that the dump lacks from zeros",
    "--minimal": "all commands but log, dis, rd, sym, eval, set",
}
# commands whose answer is short when crash's task table is
TASK_COMMANDS = resting_on("tasks")
_MODULE_COMMANDS = resting_on("modules")
_SLAB_COMMANDS = resting_on("slabs")
# more than are ever named one by one
ALL_COMMANDS = 1000
_OF_THE_DUMP = "incomplete-dump"
# pages that the dump lacks may have been read as zeros: by crash, and by whoever reads memory through it
_ZEROS = "zeros"
_READS_ZEROS = re.compile(r"(on|1)")
# what to doubt in a session that was started with an option
_AFFECTED_BY = {
    "--no_modules": _MODULE_COMMANDS,
    "--no_kmem_cache": _SLAB_COMMANDS,
    "--zero_excluded": ("*",),
    "--minimal": ("*",),
}
# what to doubt when crash says so before its first prompt; its task table is checked, whatever it says
_AFFECTED_WHEN = (
    (re.compile(r"module", re.IGNORECASE), _MODULE_COMMANDS),
    (re.compile(r"slab|kmem_cache|mem_map|sparsemem|vmalloc", re.IGNORECASE), _SLAB_COMMANDS),
)


class HealthWarning(Record, frozen=True):
    """A reason to doubt answers, in crash's or our words, and the commands that it ``affects`` ("*": all).

    ``kind`` is one of ``start-warning``, ``task-table``, ``unchecked``, ``degraded``, ``incomplete-dump``,
    ``restarted``, ``zeros`` (nothing that is read is whole: crash takes what the dump lacks for zeros).
    """

    kind: str
    message: str
    affects: tuple[str, ...] = ()


class Attempt(Record, frozen=True):
    """One rung of the start-up ladder: ``outcome`` is ``prompt``, ``failed`` or ``deadline``.

    ``said`` is what crash printed until then, ``doubts`` what a look at a crash that came up gave to doubt.
    ``processor``: its seconds of processor up to the prompt; ``indexed``: started with gdb's index;
    ``standin``: without the vmlinux; ``cut``: it was ended from outside, so that nothing is said of the dump.
    """

    binary: str
    version: str | None
    options: tuple[str, ...]
    seconds: float
    outcome: str
    said: str
    doubts: tuple[str, ...] = ()
    processor: float | None = None
    indexed: bool = False
    standin: bool = False
    cut: bool = False


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

    @property
    def of_memory(self) -> tuple[HealthWarning, ...]:
        """The warnings that make all memory doubtful, and so walks and reports."""
        return tuple(w for w in self.warnings if w.kind == _ZEROS)


def doubted(warnings: Iterable[HealthWarning]) -> int:
    """How many commands' answers crash itself makes doubtful: 0 for a crash that is whole."""
    affected = {command for warning in doubts(warnings) for command in warning.affects}
    if "*" not in affected:
        return len(affected)
    # crash has all its tables at least
    return ALL_COMMANDS - all(w.kind == _ZEROS for w in doubts(warnings) if "*" in w.affects)


def doubts(warnings: Iterable[HealthWarning]) -> list[HealthWarning]:
    """The warnings of which another crash on the same dump may be free."""
    return [warning for warning in warnings if warning.affects and warning.kind != _OF_THE_DUMP]


def greeting_warnings(greeting: str) -> list[HealthWarning]:
    """crash's words before its first prompt, each once: under ``-s`` the only hint of silent failures."""
    counts = Counter(printable(line.strip()) for line in greeting.splitlines() if line.strip())
    return [
        HealthWarning(
            kind="start-warning",
            message=line if count == 1 else f"{line} ({count} times)",
            affects=next((commands for pattern, commands in _AFFECTED_WHEN if pattern.search(line)), ()),
        )
        for line, count in counts.items()
    ]


def option_warnings(options: Sequence[str]) -> list[HealthWarning]:
    """The warnings about start options that leave something out."""
    return [
        HealthWarning(
            kind=_ZEROS if option == "--zero_excluded" else "degraded",
            message=f"started with {option}: without {MISSING_WITH[option]}",
            affects=_AFFECTED_BY[option],
        )
        for option in options
        if option in MISSING_WITH
    ]


def setting_warning(words: Sequence[str]) -> HealthWarning | None:
    """The warning that a command leaves behind, as ``set zero_excluded on`` does; None if it leaves none."""
    if len(words) == 3 and words[:2] == ["set", "zero_excluded"] and _READS_ZEROS.fullmatch(words[2]):
        message = "zero_excluded was set on: pages that the dump lacks are read as zeros"
        return HealthWarning(kind=_ZEROS, message=message, affects=("*",))
    return None


def restart_warning(lost: Sequence[str]) -> HealthWarning:
    """What a new crash in a dead one's place costs: the commands of its context that failed in it."""
    what = f"all but {', '.join(map(printable, lost))} of its context" if lost else "its context"
    message = f"crash was started again; {what} was put back"
    return HealthWarning(kind="restarted", message=message, affects=("*",) if lost else ())


def dump_warnings(dump: DumpIdentity) -> list[HealthWarning]:
    """The warnings that the dump's own headers give cause for."""
    if not dump.incomplete:
        return []
    message = "the dump is incomplete: shorter than its headers say, or marked so when it was written"
    return [HealthWarning(kind=_OF_THE_DUMP, message=message, affects=("*",))]


def task_table_warnings(runner: Runner, *, looks: int = 1) -> list[HealthWarning]:
    """Whether crash's task table holds all tasks that a walk over ``init_task.tasks`` finds.

    crash before 8.0.4 knows only the active tasks of kernels whose ``struct pid`` ends in a flexible array
    (kernel commit b69f0aeb0689), and says so only by a WARNING at the start. ``ps -l`` gives the table
    without working out each task's memory; the walk finds the leaders of thread groups, no threads and no
    idle tasks but the first, so that the table may hold more, never less.

    ``looks``: of a live kernel, where tasks come between the two, as often as that before it is said.
    """
    found = _task_table(runner)
    return task_table_warnings(runner, looks=looks - 1) if found and looks > 1 else found


def _task_table(runner: Runner) -> list[HealthWarning]:
    table, walk = runner.run_many(["ps -l", "list task_struct.tasks -h init_task"])
    if not table.ok or not walk.ok:
        return [_unchecked(_said(table, walk))]
    known = set(re.findall(r"^\[.*\] +PID: \d+ +TASK: ([0-9a-f]{8,16}) ", table.text, re.MULTILINE))
    walked = walk.text.split()
    if not known or not walked or not all(re.fullmatch(r"[0-9a-f]{8,16}", word) for word in walked):
        return [_unchecked("neither the table nor the walk is as it should be")]
    lost = set(walked) - known
    if not lost:
        return []
    message = (
        f"crash knows {counted(len(known), 'task', 'tasks')}, a walk over init_task.tasks finds "
        f"{counted(len(walked), 'thread group', 'thread groups')}, "
        f"{len(lost)} of them unknown to crash: its task commands are incomplete on this dump"
    )
    return [HealthWarning(kind="task-table", message=message, affects=TASK_COMMANDS)]


def _said(*results: CommandResult) -> str:
    return next(printable(result.failure.message) for result in results if result.failure)


def _unchecked(why: str) -> HealthWarning:
    return HealthWarning(
        kind="unchecked", message=f"crash's task table could not be checked: {why}", affects=TASK_COMMANDS
    )
