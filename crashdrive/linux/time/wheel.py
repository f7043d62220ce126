"""Timers of the wheel (``struct timer_list``), as crash's ``timer`` has them (kernel/time/timer.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.kernel.structures.lists import hlists
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import functions
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

_BASE, _TIMER, _BASES = "struct timer_base", "struct timer_list", "timer_bases"
_OF_BASE = {
    "clk": ("clk",),
    "next": ("next_expiry",),
    "running": ("running_timer",),
    "idle": ("is_idle",),
}
_OF_TIMER = {"expires": ("expires",), "function": ("function",), "flags": ("flags",)}
# include/linux/timer.h: TIMER_CPUMASK, TIMER_DEFERRABLE, TIMER_PINNED
_CPU, _DEFERRABLE, _PINNED = 0x3_FFFF, 0x8_0000, 0x10_0000
# wheels of a CPU since 6.9 (83a665dc99a7): local, global, deferrable; two before, or one without NO_HZ
_NAMES = {1: ("standard",), 2: ("standard", "deferrable"), 3: ("local", "global", "deferrable")}


class WheelTimer(Record, frozen=True):
    """A pending timer of the wheel.

    ``expires_left``: seconds until its tick; negative where it is overdue. ``timer_function``: as a symbol.
    ``wheel``: ``standard``, ``deferrable`` (it wakes no idle CPU), and in kernels since 6.9 ``local``
    (pinned to its CPU) and ``global`` in place of standard.
    """

    cpu: int | None
    wheel: str | None
    expires_left: float | None
    timer_function: str | None
    timer_address: Address


class TimerWheel(Record, frozen=True):
    """A wheel of a CPU; ``timer_count``: pending timers.

    ``lag_seconds``: how far its clock is behind the ticks; the clock of an idle CPU stands still.
    ``next_left``: seconds until the next timer is due, by the wheel, whose time may be too early.
    ``running_function``: of the timer that was running.
    """

    cpu: int
    wheel: str
    timer_count: int
    lag_seconds: float | None
    next_left: float | None
    wheel_idle: bool | None
    running_function: str | None
    timer_base: Address


class _Base(NamedTuple):
    cpu: int
    wheel: str
    address: int


def _bases(survey: Survey) -> list[_Base]:
    """The wheels of the present CPUs."""
    kernel = survey.kernel
    step = kernel.sizeof(_BASE)
    names = _NAMES.get(kernel.variable_size(_BASES) // step, ())
    return [
        _Base(cpu, name, kernel.per_cpu_address(_BASES, cpu) + step * number)
        for cpu in kernel.cpus
        for number, name in enumerate(names)
    ]


def wheel_timers(survey: Survey) -> list[WheelTimer]:
    """All timers of the present CPUs, by rising expiry."""
    kernel, bases = survey.kernel, _bases(survey)
    start = kernel.offset(_BASE, "vectors")
    count = kernel.sizeof(kernel.place(_BASE, "vectors").type) // kernel.pointer_size
    heads = [base.address + start + kernel.pointer_size * at for base in bases for at in range(count)]
    walked = hlists(kernel.window(), heads, kernel.offset(_TIMER, "entry"), backed=True)
    survey.walked(walked, "timers")
    rows = survey.rows(Fields(kernel, _TIMER, _OF_TIMER, _OF_TIMER), walked.addresses, "timers")
    left = survey.seconds([row["expires"] for row in rows])
    names = functions(kernel, [row["function"] for row in rows])
    wheels = list(dict.fromkeys(base.wheel for base in bases))
    found = [
        WheelTimer(
            cpu=None if row["flags"] is None else row["flags"] & _CPU,
            wheel=_wheel(row["flags"], wheels),
            expires_left=seconds,
            timer_function=names[row["function"]],
            timer_address=place,
        )
        for place, row, seconds in zip(walked.addresses, rows, left, strict=True)
    ]
    return sorted(found, key=lambda one: one.expires_left or 0.0)


def _wheel(flags: int | None, wheels: Sequence[str]) -> str | None:
    """The wheel that a timer is on: get_timer_cpu_base()."""
    if flags is None:
        return None
    if flags & _DEFERRABLE and "deferrable" in wheels:
        return "deferrable"
    if "global" in wheels:
        return "local" if flags & _PINNED else "global"
    return "standard"


def timer_wheels(survey: Survey, pending: Sequence[WheelTimer]) -> Iterator[TimerWheel]:
    """The wheels of the present CPUs; ``pending``: their timers."""
    kernel, bases = survey.kernel, _bases(survey)
    fields = Fields(kernel, _BASE, _OF_BASE, ("clk", "running"))
    rows = survey.rows(fields, [base.address for base in bases], "timer wheels")
    lags = survey.seconds([row["clk"] for row in rows])
    left = survey.seconds([row["next"] for row in rows])
    names = _running(survey, [row["running"] for row in rows])
    counts: dict[tuple[int | None, str | None], int] = {}
    for timer in pending:
        counts[timer.cpu, timer.wheel] = counts.get((timer.cpu, timer.wheel), 0) + 1
    for base, row, lag, due, name in zip(bases, rows, lags, left, names, strict=True):
        yield TimerWheel(
            cpu=base.cpu,
            wheel=base.wheel,
            timer_count=counts.get((base.cpu, base.wheel), 0),
            lag_seconds=None if lag is None else abs(min(lag, 0.0)),
            next_left=due,
            wheel_idle=None if row["idle"] is None else bool(row["idle"]),
            running_function=name,
            timer_base=base.address,
        )


def _running(survey: Survey, timers: Sequence[int | None]) -> list[str | None]:
    """Functions of timers that run."""
    kernel, places = survey.kernel, [timer for timer in timers if timer]
    columns = survey.gaps(kernel.read_many(_TIMER, places, ["function"]), "timers that run")
    known: dict[int, Any] = dict(zip(places, columns["function"], strict=True))
    names = functions(kernel, known.values())
    return [names[known[timer]] if timer else None for timer in timers]
