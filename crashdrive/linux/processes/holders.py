"""All processes that have a file open, by the descriptor tables of all tasks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.fs.descriptor_tables import DescriptorTable, read_tables, unread
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_TASK = "struct task_struct"
# MAX_PID_NS_LEVEL (include/linux/pid_namespace.h)
_DEEPEST = 32
_MEMBERS = (
    "files", "files->fdt->max_fds", "files->fdt->fd", "tgid", "group_leader", "group_leader->comm",
    "signal->nr_threads",
)  # fmt: skip


class Holder(NamedTuple):
    """A process that has a file open: its pid, the address of its leader's ``task_struct``, the leader's
    comm, and how many threads it has; the address of its pid namespace, and its number there.
    """

    pid: int
    task: int
    comm: str | None
    threads: int | None
    namespace: int | None = None
    inner: int | None = None


def holders(survey: Survey, files: Collection[int]) -> Mapping[int, tuple[Holder, ...]]:
    """The processes that have each of these ``struct file`` open, by their pids; gaps are noted.

    A file that nobody has isn't among the keys: only a unix socket's queue or the kernel itself holds it.
    """
    kernel = survey.kernel
    tasks = for_each_task(kernel, threads=True)
    survey.walked(tasks, "tasks")
    columns = survey.gaps(tasks.read(list(_MEMBERS)), "open files of tasks")
    tables: dict[int, DescriptorTable] = {}
    users: defaultdict[int, set[Holder]] = defaultdict(set)
    for table, slots, array, pid, leader, comm, threads in columns:
        if table and array and slots is not None and pid is not None and leader:
            tables[table] = DescriptorTable(array, slots)
            users[table].add(Holder(pid, leader, comm, threads))
    found: defaultdict[int, set[Holder]] = defaultdict(set)
    lost = 0
    for table, slots in zip(tables, read_tables(kernel, list(tables.values())), strict=True):
        lost += slots is None
        for file in set(slots or ()).intersection(files):
            found[file] |= users[table]
    if lost:
        survey.miss(unread(lost))
    placed = _placed(survey, sorted({one for who in found.values() for one in who}))
    return {file: tuple(placed[one] for one in sorted(who)) for file, who in found.items()}


def _placed(survey: Survey, every: Sequence[Holder]) -> dict[Holder, Holder]:
    """Holders with their pid namespaces."""
    kernel = survey.kernel
    path = kernel.first_path(_TASK, ("thread_pid", "pids[0].pid"))
    if path is None or not every:
        return {one: one for one in every}
    fields = Fields(kernel, _TASK, {"pid": (path,), "level": (f"{path}->level",)})
    rows = survey.rows(fields, [one.task for one in every], "pids of tasks")
    found = {one: one for one in every}
    for level in {row["level"] for row in rows if row["level"] is not None and 0 <= row["level"] <= _DEEPEST}:
        mine = [(one, row["pid"]) for one, row in zip(every, rows, strict=True) if row["level"] == level]
        paths = [f"numbers[{level}].ns", f"numbers[{level}].nr"]
        columns = survey.gaps(
            kernel.read_many("struct pid", [pid for _, pid in mine], paths), "pids of tasks"
        )
        for (one, _), (space, number) in zip(mine, columns, strict=True):
            found[one] = one._replace(namespace=space, inner=number)
    return found
