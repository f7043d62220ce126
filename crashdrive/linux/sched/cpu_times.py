"""Times of CPUs by state, as in /proc/stat: ``kernel_cpustat`` (kernel/sched/cputime.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.clock import clock
from crashdrive.linux.sched.ticks import Tick, ticks
from crashdrive.linux.survey import Fields, enumerators
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_KIND, _SYMBOL = "struct kernel_cpustat", "kernel_cpustat"
# include/linux/kernel_stat.h: enum cpu_usage_stat
_STATES = ("user", "nice", "system", "softirq", "irq", "idle", "iowait", "steal", "guest", "guest_nice")
_SECOND = 1e9
# in kernels that count the sleep without ticks among the other times, and not with the ticks
_SLEEP = {"sleeps": ("idle_elapse",), "slept_from": ("idle_entrytime",)}


class CpuTimes(Record, frozen=True):
    """Seconds since boot, by the columns of /proc/stat; ``user`` includes ``guest``, as there.

    Idle time includes the sleep without ticks (NO_HZ), up to the dump. ``steal_percent``: the share of its
    time that the hypervisor gave to others.
    """

    cpu: int
    user_seconds: float | None
    nice_seconds: float | None
    system_seconds: float | None
    idle_seconds: float | None
    iowait_seconds: float | None
    irq_seconds: float | None
    softirq_seconds: float | None
    steal_seconds: float | None
    guest_seconds: float | None
    guest_nice_seconds: float | None
    steal_percent: float | None


def cpu_times(survey: Survey) -> Iterator[CpuTimes]:
    """The times of each present CPU."""
    kernel = survey.kernel
    numbers = enumerators(survey, "CPUTIME_SYSTEM")
    states = {name: f"CPUTIME_{name.upper()}" for name in _STATES}
    fields = {name: (f"cpustat[{numbers[word]}]",) for name, word in states.items() if word in numbers}
    places = [kernel.per_cpu_address(_SYMBOL, cpu) for cpu in kernel.cpus]
    members = Fields(kernel, _KIND, fields | _SLEEP, ("user", "idle"))
    rows = survey.rows(members, places, "times of CPUs")
    slept, waiting, now = ticks(survey), _waiting(survey), clock(survey).monotonic
    for cpu, row in zip(kernel.cpus, rows, strict=True):
        tick = _counted(row) if members.has("sleeps") else slept[cpu]
        whole = row | _sleep(tick, waiting[cpu], now, row)
        seconds = {f"{name}_seconds": _seconds(whole.get(name)) for name in _STATES}
        yield CpuTimes(cpu=cpu, steal_percent=_steal(whole), **seconds)


def _counted(row: dict[str, Any]) -> Tick:
    """A CPU's sleep as its own times have it (kcpustat_field_dyntick)."""
    since = row["slept_from"] if row["sleeps"] else None
    known = None not in (row["sleeps"], row["slept_from"], row["idle"], row["iowait"])
    idle, iowait = (row["idle"], row["iowait"]) if known else (None, None)
    return Tick(last=None, stopped=None, idle=idle, iowait=iowait, idle_since=since)


def _waiting(survey: Survey) -> dict[int, int | None]:
    """The number of tasks that wait for IO and ran last on each CPU."""
    kernel = survey.kernel
    places = [kernel.per_cpu_address("runqueues", cpu) for cpu in kernel.cpus]
    fields = Fields(kernel, "struct rq", {"iowait": ("nr_iowait.counter",)})
    rows = survey.rows(fields, places, "run queues")
    return {cpu: row["iowait"] for cpu, row in zip(kernel.cpus, rows, strict=True)}


def _sleep(tick: Tick, waiting: int | None, now: float, row: dict[str, Any]) -> dict[str, Any]:
    """Idle and iowait as get_idle_time() and get_iowait_time() (fs/proc/stat.c) give them.

    For a CPU that never slept, and for a kernel whose ticks don't stop, they are those of ``cpustat``.
    """
    if tick.idle is None or tick.iowait is None:
        return dict.fromkeys(("idle", "iowait"))
    if not tick.idle + tick.iowait:
        return {"idle": row["idle"], "iowait": row["iowait"]}
    more = 0 if tick.idle_since is None else max(round(now * _SECOND) - tick.idle_since, 0)
    if more and waiting is None:
        return dict.fromkeys(("idle", "iowait"))
    if waiting:
        return {"idle": tick.idle, "iowait": tick.iowait + more}
    return {"idle": tick.idle + more, "iowait": tick.iowait}


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _SECOND


def _steal(row: dict[str, Any]) -> float | None:
    """Steal in percent of all times; user and nice include the guests' times."""
    parts = [row.get(name) for name in _STATES if not name.startswith("guest")]
    known: list[int] = [part for part in parts if part is not None]
    whole = sum(known)
    return round(100 * row["steal"] / whole, 1) if whole and len(known) == len(parts) else None
