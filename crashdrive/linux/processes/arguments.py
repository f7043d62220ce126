"""Command lines and environments of processes, from their own memory (fs/proc/base.c)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from crashdrive.linux.mm.user_memory import Wanted, user_memory
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.mm.user_memory import Bytes
    from crashdrive.linux.processes.rows import TaskRow
    from crashdrive.linux.survey import Survey

_FIELDS = {
    "arg_start": ("mm->arg_start",),
    "arg_end": ("mm->arg_end",),
    "env_start": ("mm->env_start",),
    "env_end": ("mm->env_end",),
}
# more than this isn't read of one process: MAX_ARG_STRLEN (include/uapi/linux/binfmts.h)
_MOST = 1 << 17


class ProcessArguments(Record, frozen=True):
    """A process's command line and environment, as they are in its memory.

    ``argv``: each word by itself; ``environment``: ``NAME=value`` each. Both are None where the dump
    lacks the pages (``missing`` says why), as a dump without user pages does.
    """

    pid: int | None
    comm: str | None
    argv: tuple[str, ...] | None
    environment: tuple[str, ...] | None
    missing: str | None
    task: Address


def process_arguments(
    survey: Survey, rows: Sequence[TaskRow], *, environment: bool
) -> Iterator[ProcessArguments]:
    """The command lines of these tasks without kernel threads, with their environments where asked for."""
    own = [row for row in rows if row.mm]
    fields = Fields(survey.kernel, "struct task_struct", _FIELDS, _FIELDS)
    places = survey.rows(fields, [row.task for row in own], "arguments of processes")
    kinds = ("arg", "env") if environment else ("arg",)
    wanted: dict[tuple[int, str], Wanted] = {}
    for row, place in zip(own, places, strict=True):
        for kind in kinds:
            start, end = place[f"{kind}_start"], place[f"{kind}_end"]
            if start and end and start < end:
                wanted[row.task, kind] = Wanted(row.task, start, min(end - start, _MOST))
    found = dict(zip(wanted, user_memory(survey, list(wanted.values())), strict=True))
    lost: Counter[str] = Counter()
    for row in own:
        parts = {kind: found.get((row.task, kind)) for kind in kinds}
        reason = next((part.reason for part in parts.values() if part and part.reason), None)
        if reason:
            lost[reason] += 1
        yield ProcessArguments(
            pid=row.pid,
            comm=row.comm,
            argv=_words(parts["arg"]),
            environment=_words(parts.get("env")),
            missing=reason,
            task=row.task,
        )
    for reason, count in lost.items():
        message = f"command lines: {count} of {len(own)} processes' can't be read: {reason}"
        survey.miss([Notice(kind="hole", message=message)])


def _words(part: Bytes | None) -> tuple[str, ...] | None:
    """The words between NULs; of a process that wrote something else there, lines of that."""
    if part is None or part.reason:
        return None
    return tuple(word.decode("utf-8", "backslashreplace") for word in part.data.rstrip(b"\0").split(b"\0"))
