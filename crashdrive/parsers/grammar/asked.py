"""A check that a command printed the tasks that it was asked about, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from crashdrive.parsers.base import Source


class OfTask(Protocol):
    """A record that names its task."""

    @property
    def pid(self) -> int | None: ...
    @property
    def task(self) -> int: ...


R = TypeVar("R", bound=OfTask)


@dataclass(frozen=True)
class Told(Generic[R]):
    """A task's record, and whether crash printed anything below the task's header."""

    found: R
    told: bool

    @property
    def pid(self) -> int | None:
        return self.found.pid

    @property
    def task(self) -> int:
        return self.found.task


def check_asked(source: Source, found: Iterable[tuple[int, R]]) -> list[R]:
    """The records of the tasks that the command line asks for. ``found``: (offset in the text, record).

    A task that the command line doesn't name is an error, as is a second one where it names none: crash
    prints file names and arguments raw, and a newline in one could forge a task.
    """
    known = [_numbers(word) for word in source.command.arguments]
    asked: list[R] = []
    for count, (place, record) in enumerate(found):
        if source.many_tasks or _was_asked(record, known, count):
            asked.append(record)
        else:
            source.reject(place, "a task that wasn't asked for")
    return asked


def _was_asked(task: OfTask, known: list[set[int]], count: int) -> bool:
    if not known:
        return count == 0
    return any(task.task in numbers or task.pid in numbers for numbers in known)


def _numbers(word: str) -> set[int]:
    """The numbers that crash may read in a word: a decimal pid, a hexadecimal address."""
    found: set[int] = set()
    for base in (10, 16):
        try:
            found.add(int(word, base))
        except ValueError:
            continue
    return found
