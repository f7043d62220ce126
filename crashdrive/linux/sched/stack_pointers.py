"""Pointers to the stacks that each CPU has beside its tasks': what architectures that keep such share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey


def stack_pointers(name: str, places: Mapping[int, int], survey: Survey) -> Iterator[tuple[int, int]]:
    """(CPU, pointer) of each CPU whose pointer isn't empty; ``places``: where each CPU has its own.

    A pointer that the dump lacks is noted in the survey, under the variable's ``name``.
    """
    words = survey.kernel.window().words(list(places.values()))
    for (cpu, place), word in zip(places.items(), words, strict=True):
        if word is None:
            message = f"a stack of CPU {cpu} is unknown: {name} at {place:#x} is not in the dump"
            survey.miss([Notice(kind="hole", message=message)])
        elif word:
            yield cpu, word
