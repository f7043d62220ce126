"""Open files of a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from crashdrive.kernel.structures.walk import Problem, Walk
from crashdrive.linux.fs.descriptor_tables import MOST_SLOTS

if TYPE_CHECKING:
    from crashdrive.kernel.objects import Object
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine

# slots that are read at once: with a wrong count the reading ends early, at memory that is missing or no
# table
_PART = 1 << 16


class OpenFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A task's descriptors with their ``struct file``; iterates over (descriptor, file)."""

    descriptors: Sequence[int]
    files: Objects

    @property
    def complete(self) -> bool:
        """Whether no descriptor is missing."""
        return self.files.complete

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of the table."""
        return self.files.problems

    def check(self) -> OpenFiles:
        """The files themselves; FaultError or CorruptError where descriptors are missing."""
        self.files.check()
        return self

    def __len__(self) -> int:
        return len(self.descriptors)

    def __iter__(self) -> Iterator[tuple[int, Object]]:
        return zip(self.descriptors, self.files, strict=True)


def for_each_file(kernel: Machine, task: int) -> OpenFiles:
    """Descriptors and files of ``task->files->fdt``; none where the task has given them back.

    A file in a slot whose bit in ``open_fds`` isn't set is a problem: fs/file.c sets the bit first, and
    clears it last.
    """
    fields = ["files", "files->fdt->max_fds", "files->fdt->fd", "files->fdt->open_fds"]
    columns = kernel.read_many("struct task_struct", [task], fields)
    ((files, count, table, bits),) = list(columns)
    if columns.gaps:
        return _nothing(kernel, "hole", columns.gaps[0].address, _LOST)
    if not files:
        return _open_files(kernel, [], [], [])
    if not table or not bits or not 0 <= count <= MOST_SLOTS:
        said = f"the table of files of {files:#x} is damaged: {count or 0} slots"
        return _nothing(kernel, "node", files, said)
    return _descriptors(kernel, _Table(table, bits, count))


_LOST = "the task's table of files is not in the dump"


class _Table(NamedTuple):
    slots: int
    bits: int
    length: int


def _descriptors(kernel: Machine, table: _Table) -> OpenFiles:
    found: list[tuple[int, int]] = []
    problems: list[Problem] = []
    for first in range(0, table.length, _PART):
        _read_part(kernel, table, first, found, problems)
        if problems:
            break
    return _open_files(kernel, [d for d, _ in found], [f for _, f in found], problems)


def _read_part(
    kernel: Machine, table: _Table, first: int, found: list[tuple[int, int]], problems: list[Problem]
) -> None:
    """Descriptors from ``first`` on, up to the first missing one."""
    window, size = kernel.window(), kernel.pointer_size
    last = min(table.length, first + _PART)
    window.fetch(
        [
            (table.slots + first * size, (last - first) * size),
            (table.bits + first // 8, (last - first + 7) // 8),
        ]
    )
    for descriptor in range(first, last):
        place = table.slots + descriptor * size
        word = table.bits + descriptor // (8 * size) * size
        file, bits = window.word(place), window.word(word)
        if file is None or bits is None:
            message = f"descriptor {descriptor} and what follows: not in the dump"
            problems.append(Problem(kind="hole", address=place if file is None else word, message=message))
            return
        if file and not bits >> descriptor % (8 * size) & 1:
            message = f"descriptor {descriptor} and what follows: a file where none is open"
            problems.append(Problem(kind="node", address=place, message=message))
            return
        if file:
            found.append((descriptor, file))


def _nothing(kernel: Machine, kind: str, address: int, message: str) -> OpenFiles:
    return _open_files(kernel, [], [], [Problem(kind=kind, address=address, message=message)])


def _open_files(
    kernel: Machine, descriptors: list[int], files: list[int], problems: list[Problem]
) -> OpenFiles:
    walk = Walk(addresses=files, problems=tuple(problems), complete=not problems)
    return OpenFiles(descriptors=descriptors, files=kernel.objects("struct file", walk))
