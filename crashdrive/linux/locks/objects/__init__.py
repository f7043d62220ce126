"""What wait queues and bits belong to: a module per kind of object, found by its name.

A module holds

- ``TYPE``: what the rows call it (``journal``),
- ``OF``: the kind of lock that it is found as (``waitqueue``),
- ``FUNCTIONS``: a pattern; one of the waiting task's functions matches it,
- ``def belonging(survey, addresses)``: a `Belonging` for each of the locks that belongs to one.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from crashdrive.linux.locks.base import MISSING
from crashdrive.linux.survey import row_dicts
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.processes.holders import Holder
    from crashdrive.linux.survey import Fields, Survey


class Belonging(NamedTuple):
    """A lock's address, what it is of an object, and the address of the task that has to act; None where
    none has, or it isn't known.

    ``holders``: processes one of which has to act, where that is known instead. ``place``: the address of the
    object, where that is what waiters have in common. ``note``: what else is to be said. ``doubt``: why the
    owner isn't sure, None where the kernel itself knows it.
    """

    address: int
    name: str
    owner: int | None = None
    holders: tuple[Holder, ...] = ()
    place: int | None = None
    note: str | None = None
    doubt: str | None = None


class Objects(Protocol):
    """A module of this package."""

    TYPE: str
    OF: str
    FUNCTIONS: re.Pattern[str]

    def belonging(self, survey: Survey, addresses: Sequence[int]) -> Iterator[Belonging]:
        """The locks that belong to an object of this kind."""
        ...


@functools.cache
def kinds_of_objects() -> tuple[Objects, ...]:
    """The modules of all kinds."""
    names = sorted(name for _, name, _ in pkgutil.iter_modules(__path__))
    return tuple(cast("Objects", importlib.import_module(f"{__name__}.{name}")) for name in names)


def read_guesses(
    survey: Survey, fields: Fields, places: Sequence[int]
) -> tuple[list[dict[str, Any]], dict[int, Notice]]:
    """Members of what may be such structures, and a notice for each of which the dump lacks something.

    What is no such structure leads anywhere. So a notice is for the caller to pass on, where nothing else
    was found.
    """
    columns = survey.kernel.read_many(fields.kind, places, fields.paths)
    rows = row_dicts(fields.named(columns))
    lacking = {
        places[gap.row]: Notice(kind="hole", message=f"{fields.kind} {places[gap.row]:x}: {gap.reason}")
        for gap in columns.gaps
        if gap.reason in MISSING
    }
    return rows, lacking
