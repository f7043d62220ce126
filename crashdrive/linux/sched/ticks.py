"""Ticks of CPUs: the last one, whether it is stopped, and the CPU's idle time (tick-sched.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_KIND, _SYMBOL = "struct tick_sched", "tick_cpu_sched"
_TIMER = "sched_timer"
_FIELDS = {
    "expires": (f"{_TIMER}.node.expires",),
    "enqueued": (f"{_TIMER}.state", f"{_TIMER}.is_queued"),
    "last_tick": ("last_tick",),
    # bit fields of their own before 6.9 (a478ffb2ae23)
    "flags": ("flags",),
    "tick_stopped": ("tick_stopped",),
    "idle_active": ("idle_active",),
    "idle_sleeptime": ("idle_sleeptime",),
    "iowait_sleeptime": ("iowait_sleeptime",),
    "idle_entrytime": ("idle_entrytime",),
}
# kernel/time/tick-sched.h since 6.9
_STOPPED, _IDLE_ACTIVE = 1 << 1, 1 << 2
_SECOND = 1_000_000_000


class Tick(NamedTuple):
    """A CPU's tick; all times are of the monotonic clock, in nanoseconds.

    ``last``: the time of the last one, None for none. ``stopped``: the CPU needs none, as it is idle or
    isolated. ``idle`` and ``iowait``: its sleep without and with tasks that wait for IO, until
    ``idle_since``, which is None where it isn't idle now.
    """

    last: int | None
    stopped: bool | None
    idle: int | None
    iowait: int | None
    idle_since: int | None


def ticks(survey: Survey) -> dict[int, Tick]:
    """The tick of each present CPU; missing values are None."""
    kernel = survey.kernel
    places = [kernel.per_cpu_address(_SYMBOL, cpu) for cpu in kernel.cpus]
    rows = survey.rows(Fields(kernel, _KIND, _FIELDS, ("expires", "last_tick")), places, "ticks")
    return {cpu: _tick(kernel, row) for cpu, row in zip(kernel.cpus, rows, strict=True)}


def _tick(kernel: Machine, row: dict[str, Any]) -> Tick:
    stopped = _flag(row, "tick_stopped", _STOPPED)
    active = _flag(row, "idle_active", _IDLE_ACTIVE)
    return Tick(
        last=_last(row, _SECOND // kernel.hz, stopped=stopped),
        stopped=stopped,
        idle=row["idle_sleeptime"],
        iowait=row["iowait_sleeptime"],
        idle_since=row["idle_entrytime"] if active else None,
    )


def _flag(row: dict[str, Any], name: str, bit: int) -> bool | None:
    if row["flags"] is not None:
        return bool(row["flags"] & bit)
    return None if row[name] is None else bool(row[name])


def _last(row: dict[str, Any], period: int, *, stopped: bool | None) -> int | None:
    """The time of the last tick: a period before the next one, or before the one at which it was stopped.

    A timer that isn't queued is running: its tick began when it expired, and hasn't ended.
    """
    expires = row["last_tick"] if stopped else row["expires"]
    if not expires or expires < 0 or row["enqueued"] is None or stopped is None:
        return None
    at_work = not stopped and not row["enqueued"]
    return int(expires) if at_work else int(expires) - period
