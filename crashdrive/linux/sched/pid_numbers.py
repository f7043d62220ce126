"""Numbers of processes in pid namespaces below the first one (``struct pid``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crashdrive.linux.survey import Survey

_PID = "struct pid"
# MAX_PID_NS_LEVEL (include/linux/pid_namespace.h)
_DEEPEST = 32


class Numbers(NamedTuple):
    """By the address of a ``struct pid``: its numbers below the first namespace, the number of its own
    namespace, and where that lies.
    """

    pids: Mapping[int | None, tuple[int, ...]]
    spaces: Mapping[int | None, int | None]
    places: Mapping[int | None, int | None]


def inner_pids(survey: Survey, found: Iterable[tuple[int | None, int | None]]) -> Numbers:
    """The numbers of these pids, which are given with their levels; they are read level by level."""
    levels: dict[int, dict[int, None]] = {}
    for pid, level in found:
        if pid and level is not None and 0 <= level <= _DEEPEST:
            levels.setdefault(level, {})[pid] = None
    pids: dict[int | None, tuple[int, ...]] = {}
    spaces: dict[int | None, int | None] = {}
    places: dict[int | None, int | None] = {}
    for level, group in levels.items():
        wanted = list(group)
        own = f"numbers[{level}].ns"
        paths = [*(f"numbers[{at}].nr" for at in range(1, level + 1)), own, f"{own}->ns.inum"]
        columns = survey.gaps(survey.kernel.read_many(_PID, wanted, paths), "pids")
        for pid, row in zip(wanted, columns, strict=True):
            pids[pid] = tuple(number for number in row[:-2] if number is not None)
            places[pid], spaces[pid] = row[-2:]
    return Numbers(pids, spaces, places)
