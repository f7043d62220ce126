"""Owners of open files, by the descriptor tables of all tasks."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.kernel.memory.window import BUDGET
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

# a table that claims more slots is damaged: it is only as large as the highest descriptor in use
_MOST = 1 << 24


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
    slots: int
    address: int
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
            candidate = _Table(count, table, Owner(pid, program or ""))
            if files not in seen or pid < seen[files].owner.pid:
                seen[files] = candidate
    by_file, damaged = _read_tables(kernel, list(seen.values()))
    return Owners(by_file, (*tasks.notices(), *columns.notices("open files of tasks"), *damaged))


def _read_tables(kernel: Machine, tables: Sequence[_Table]) -> tuple[dict[int, Owner], tuple[Notice, ...]]:
    sound = sorted(table for table in tables if 0 <= table.slots <= _MOST)
    by_file: dict[int, Owner] = {}
    lost = len(tables) - len(sound)
    for part in _parts(sound, BUDGET // kernel.pointer_size):
        window = kernel.window()
        window.fetch((table.address, table.slots * kernel.pointer_size) for table in part)
        for table in part:
            raw = window.bytes(table.address, table.slots * kernel.pointer_size)
            lost += raw is None
            for file in _words(raw or b"", kernel):
                if file and (file not in by_file or table.owner.pid < by_file[file].pid):
                    by_file[file] = table.owner
    message = f"the open files of {lost} processes could not be read"
    return by_file, (Notice(kind="hole", message=message),) if lost else ()


def _parts(tables: Sequence[_Table], most: int) -> Iterator[list[_Table]]:
    """The tables in batches of at most ``most`` slots; a larger table is a batch of its own."""
    part: list[_Table] = []
    slots = 0
    for table in tables:
        if part and slots + table.slots > most:
            yield part
            part, slots = [], 0
        part.append(table)
        slots += table.slots
    if part:
        yield part


def _words(raw: bytes, kernel: Machine) -> Iterator[int]:
    code = "Q" if kernel.pointer_size == 8 else "I"
    return (word for (word,) in struct.iter_unpack(kernel.order + code, raw))
