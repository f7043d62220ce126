"""Precise times in user mode and in the kernel (kernel/sched/cputime.c)."""

from __future__ import annotations

from typing import NamedTuple


class Spent(NamedTuple):
    """Nanoseconds of processor time: in user mode, in the kernel."""

    user: int
    system: int


def adjusted(ticks: Spent, runtime: int, told: Spent) -> Spent:
    """The precise ``runtime``, divided by the ratio of the sampled ``ticks``, as in cputime_adjust().

    ``told``: the values that /proc showed before; neither part may fall below these.
    """
    if told.user + told.system >= runtime:
        return told
    if not ticks.system:
        system = 0
    elif not ticks.user:
        system = runtime
    else:
        system = min(ticks.system * runtime // (ticks.system + ticks.user), runtime)
    system = max(system, told.system)
    user = runtime - system
    if user < told.user:
        user = told.user
        system = runtime - user
    return Spent(user, system)
