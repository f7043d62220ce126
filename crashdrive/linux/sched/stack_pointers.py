"""Pointers to the stacks that each CPU has beside its tasks': what architectures that keep such share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashdrive.linux.survey import Survey


def stack_pointers(survey: Survey, name: str, place: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """(CPU, pointer) of each present CPU whose pointer isn't empty; ``place``: where a CPU has its own.

    A pointer that the dump lacks is noted, under the variable's ``name``.
    """
    kernel = survey.kernel
    places = [place(cpu) for cpu in kernel.cpus]
    for cpu, at, word in zip(kernel.cpus, places, kernel.window().words(places), strict=True):
        if word is None:
            message = f"a stack of CPU {cpu} is unknown: {name} at {at:#x} is not in the dump"
            survey.miss([Notice(kind="hole", message=message)])
        elif word:
            yield cpu, word
