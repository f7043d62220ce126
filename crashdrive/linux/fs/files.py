"""Open files of a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from crashdrive.kernel.structures.walk import Problem, Walk

if TYPE_CHECKING:
    from crashdrive.kernel.objects import Object
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine

# fs.nr_open can't be set higher than this on any machine with 64 bits that was seen (INT_MAX / 8 rounded)
_MOST = 1 << 28


class OpenFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A task's descriptors with their ``struct file``; iterates over (descriptor, file)."""

    descriptors: Sequence[int]
    files: Objects

    @property
    def complete(self) -> bool:
        """Whether none is missing."""
        return self.files.complete

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is missing."""
        return self.files.problems

    def check(self) -> OpenFiles:
        """Itself; FaultError or CorruptError where some are missing."""
        self.files.check()
        return self

    def __len__(self) -> int:
        return len(self.descriptors)

    def __iter__(self) -> Iterator[tuple[int, Object]]:
        return zip(self.descriptors, self.files, strict=True)


def for_each_file(kernel: Machine, task: int) -> OpenFiles:
    """Descriptors and files of ``task->files->fdt``; none where the task has given them back."""
    fields = ["files->fdt->max_fds", "files->fdt->fd", "files"]
    columns = kernel.read_many("struct task_struct", [task], fields)
    ((count, table, files),) = list(columns)
    if columns.gaps:
        return _open_files(
            kernel, [], [], [Problem(kind="hole", address=columns.gaps[0].address, message=_LOST)]
        )
    if not files:
        return _open_files(kernel, [], [], [])
    if not 0 <= count <= _MOST:
        return _open_files(
            kernel, [], [], [Problem(kind="node", address=table, message=f"max_fds is {count}")]
        )
    return _descriptors(kernel, table, count)


_LOST = "the task's table of files is not in the dump"


def _descriptors(kernel: Machine, table: int, count: int) -> OpenFiles:
    window = kernel.window()
    window.fetch([(table, count * window.pointer_size)])
    found: list[tuple[int, int]] = []
    problems: list[Problem] = []
    for descriptor in range(count):
        place = table + descriptor * window.pointer_size
        file = window.word(place)
        if file is None:
            message = f"descriptor {descriptor} and what follows: not in the dump"
            problems.append(Problem(kind="hole", address=place, message=message))
            break
        if file:
            found.append((descriptor, file))
    return _open_files(kernel, [d for d, _ in found], [f for _, f in found], problems)


def _open_files(
    kernel: Machine, descriptors: list[int], files: list[int], problems: list[Problem]
) -> OpenFiles:
    walk = Walk(addresses=files, problems=tuple(problems), complete=not problems)
    return OpenFiles(descriptors=descriptors, files=kernel.objects("struct file", walk))
