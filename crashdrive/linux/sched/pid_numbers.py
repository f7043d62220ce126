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
    """Numbers by the address of a ``struct pid``: those below the first namespace, and that of its own
    namespace.
    """

    pids: Mapping[int | None, tuple[int, ...]]
    spaces: Mapping[int | None, int | None]


def inner_pids(survey: Survey, found: Iterable[tuple[int | None, int | None]]) -> Numbers:
    """The numbers of these pids, which are given with their levels; they are read level by level."""
    levels: dict[int, dict[int, None]] = {}
    for pid, level in found:
        if pid and level is not None and 0 <= level <= _DEEPEST:
            levels.setdefault(level, {})[pid] = None
    pids: dict[int | None, tuple[int, ...]] = {}
    spaces: dict[int | None, int | None] = {}
    for level, group in levels.items():
        wanted = list(group)
        paths = [f"numbers[{at}].nr" for at in range(1, level + 1)] + [f"numbers[{level}].ns->ns.inum"]
        columns = survey.gaps(survey.kernel.read_many(_PID, wanted, paths), "pids")
        for pid, row in zip(wanted, columns, strict=True):
            pids[pid] = tuple(number for number in row[:-1] if number is not None)
            spaces[pid] = row[-1]
    return Numbers(pids, spaces)
