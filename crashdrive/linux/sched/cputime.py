"""Times in user mode and in the kernel, made precise (kernel/sched/cputime.c)."""

from __future__ import annotations

from typing import NamedTuple


class Spent(NamedTuple):
    """Nanoseconds of processor time: in user mode, in the kernel."""

    user: int
    system: int


def adjusted(ticks: Spent, runtime: int, told: Spent) -> Spent:
    """The precise ``runtime`` by the ratio of what ticks saw, as cputime_adjust() does it.

    What ``told`` has was in /proc before, and neither part may become less.
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
