"""Owners of open files, by the descriptor tables of all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.fs.descriptor_tables import DescriptorTable, read_tables, unread
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine


class Owner(NamedTuple):
    """A process that holds a file open: the lowest pid where several do."""

    pid: int
    program: str


class Owners(NamedTuple):
    """Owners by the address of the ``struct file``, and notices of what could not be read."""

    by_file: dict[int, Owner]
    warnings: tuple[Notice, ...]

    @property
    def complete(self) -> bool:
        """Whether every task's table was read."""
        return not self.warnings


class _Table(NamedTuple):
    table: DescriptorTable
    owner: Owner


def owners(kernel: Machine) -> Owners:
    """The owner of each file; threads share their process's table (``struct files_struct``).

    A file that is only in a unix socket's queue, or that the kernel alone holds, has no owner.
    """
    tasks = for_each_task(kernel, threads=True)
    fields = ["files", "files->fdt->max_fds", "files->fdt->fd", "tgid", "group_leader->comm"]
    columns = tasks.read(fields)
    seen: dict[int, _Table] = {}
    for files, count, table, pid, program in columns:
        if files and table and count is not None and pid is not None:
            candidate = _Table(DescriptorTable(table, count), Owner(pid, program or ""))
            if files not in seen or pid < seen[files].owner.pid:
                seen[files] = candidate
    by_file, damaged = _read_tables(kernel, list(seen.values()))
    return Owners(by_file, (*tasks.notices(), *columns.notices("open files of tasks"), *damaged))


def _read_tables(kernel: Machine, tables: Sequence[_Table]) -> tuple[dict[int, Owner], tuple[Notice, ...]]:
    by_file: dict[int, Owner] = {}
    lost = 0
    for one, files in zip(tables, read_tables(kernel, [one.table for one in tables]), strict=True):
        lost += files is None
        for file in files or ():
            if file and (file not in by_file or one.owner.pid < by_file[file].pid):
                by_file[file] = one.owner
    return by_file, unread(lost)
