"""Times, faults, input and output of tasks (kernel/sched/cputime.c, fs/proc/array.c)."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from crashdrive.linux.processes.fields import SUMMED
from crashdrive.linux.sched.cputime import Spent, adjusted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECOND = 1e9
_own = itemgetter(*SUMMED)
_RAW = ("utime", "stime", "runtime")
_PREVIOUS = {True: ("process_utime", "process_stime"), False: ("previous_utime", "previous_stime")}


def used(own: Mapping[str, Any], threads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns of a row by name: of a thread where ``threads`` is empty, else of the whole process."""
    spent = _spent(own, threads)
    sums = (
        {name: _sum(own, threads, name) for name in SUMMED}
        if threads
        else dict(zip(SUMMED, _own(own), strict=True))
    )
    return {
        **sums,
        "user_seconds": None if spent is None else spent.user / _SECOND,
        "system_seconds": None if spent is None else spent.system / _SECOND,
        "children_user_seconds": _seconds(own["children_utime"]),
        "children_system_seconds": _seconds(own["children_stime"]),
        "runtime_seconds": _seconds(_sum(own, threads, "runtime")),
        "waited_seconds": _seconds(own["run_delay"]),
    }


def _sum(own: Mapping[str, Any], threads: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """A counter of one thread, or the sum over a process's threads, ended ones included."""
    if not threads:
        value: int | None = own[name]
        return value
    parts = [own[f"ended_{name}"], *(thread[name] for thread in threads)]
    return None if None in parts else sum(parts)


def _spent(own: Mapping[str, Any], threads: Sequence[Mapping[str, Any]]) -> Spent | None:
    raw = [_sum(own, threads, name) for name in _RAW]
    user, system = (own[name] for name in _PREVIOUS[bool(threads)])
    if user is None or system is None or None in raw:
        return None
    utime, stime, runtime = (value or 0 for value in raw)
    return adjusted(Spent(utime, stime), runtime, Spent(user, system))


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _SECOND
