"""All processes that have a file open, by the descriptor tables of all tasks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.fs.descriptor_tables import DescriptorTable, read_tables, unread
from crashdrive.linux.sched.pid_numbers import inner_pids
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_TASK = "struct task_struct"
_MEMBERS = (
    "files", "files->fdt->max_fds", "files->fdt->fd", "tgid", "group_leader", "group_leader->comm",
    "signal->nr_threads",
)  # fmt: skip


class Holder(NamedTuple):
    """A process that has a file open: its pid, the address of its leader's ``task_struct``, the leader's
    comm, and how many threads it has; the inode number of its pid namespace, and its number there.
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
    numbers = inner_pids(survey, ((row["pid"], row["level"]) for row in rows))
    found: dict[Holder, Holder] = {}
    for one, row in zip(every, rows, strict=True):
        inner = (one.pid, *numbers.pids.get(row["pid"], ()))
        number = inner[-1] if len(inner) - 1 == row["level"] else None
        found[one] = one._replace(namespace=numbers.spaces.get(row["pid"]), inner=number)
    return found
