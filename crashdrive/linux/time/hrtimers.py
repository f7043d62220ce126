"""Timers of high resolution (``struct hrtimer``), as /proc/timer_list has them (kernel/time/hrtimer.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.clock import clock
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import functions
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.survey import Survey

_CPU, _CLOCK, _TIMER, _SLEEPER = (
    "struct hrtimer_cpu_base", "struct hrtimer_clock_base", "struct hrtimer", "struct hrtimer_sleeper",
)  # fmt: skip
_OF_CPU = {
    "active": ("active_bases",),
    "resolution": ("hres_active",),
    "events": ("nr_events",),
    "retries": ("nr_retries",),
    "hangs": ("nr_hangs",),
    "longest": ("max_hang_time.tv64", "max_hang_time"),
    "next": ("expires_next.tv64", "expires_next"),
}
_OF_CLOCK = {"offset": ("offset.tv64", "offset"), "running": ("running",)}
_OF_TIMER = {
    "expires": ("node.expires.tv64", "node.expires"),
    "soft": ("_softexpires.tv64", "_softexpires"),
    "function": ("function",),
}
# struct rb_root_cached since 4.15 (511885d7061e)
_TREE = ("active.rb_root.rb_root", "active.head")
_WAKEUP = "hrtimer_wakeup"
_SECOND = 1e9
_FOREVER = (1 << 63) - 1


class HighResolutionTimer(Record, frozen=True):
    """A pending timer of high resolution.

    ``clock_name``: ``monotonic``, ``realtime``, ``boottime``, ``tai``; with ``soft`` appended it expires in a
    softirq. ``expires_left``: seconds until it must expire, ``earliest_left``: until it may; negative where
    it is overdue. ``pid`` and ``comm``: of the task that it wakes, if it is for a sleeping task.
    """

    cpu: int
    clock_name: str
    expires_left: float | None
    earliest_left: float | None
    timer_function: str | None
    pid: int | None
    comm: str | None
    timer_address: Address


class CpuHrtimers(Record, frozen=True):
    """A CPU's timers of high resolution. ``high_resolution``: whether that mode is active; else the tick
    expires them.

    ``events``: its interrupts since boot; ``retries``: how often its interrupt started over; ``hangs``: how
    often it gave up, as handlers took too long, ``longest_hang_seconds``: the longest of these.
    ``next_left``: seconds until its next interrupt.
    """

    cpu: int
    high_resolution: bool | None
    timer_count: int
    events: int | None
    retries: int | None
    hangs: int | None
    longest_hang_seconds: float | None
    next_left: float | None


class Hrtimers(NamedTuple):
    """Timers, and CPUs."""

    timers: list[HighResolutionTimer]
    cpus: list[CpuHrtimers]


class _Base(NamedTuple):
    cpu: int
    name: str
    address: int


def hrtimers(survey: Survey) -> Hrtimers:
    """All timers of the present CPUs, by rising expiry."""
    kernel, cpus = survey.kernel, survey.kernel.cpus
    places = [kernel.per_cpu_address("hrtimer_bases", cpu) for cpu in cpus]
    rows = survey.rows(Fields(kernel, _CPU, _OF_CPU, ("active",)), places, "timers of high resolution")
    monotonic = next(iter(survey.attempt("the clock", lambda: [clock(survey).monotonic])), None)
    bases = _bases(survey, dict(zip(cpus, places, strict=True)), [row["active"] for row in rows])
    timers = _timers(survey, bases, monotonic)
    counts: dict[int, int] = {}
    for timer in timers:
        counts[timer.cpu] = counts.get(timer.cpu, 0) + 1
    found = [_cpu(cpu, row, counts.get(cpu, 0), monotonic) for cpu, row in zip(cpus, rows, strict=True)]
    return Hrtimers(timers, found)


def _cpu(cpu: int, row: dict[str, Any], count: int, now: float | None) -> CpuHrtimers:
    due, longest = row["next"], row["longest"]
    known = now is not None and due is not None and due != _FOREVER
    return CpuHrtimers(
        cpu=cpu,
        high_resolution=None if row["resolution"] is None else bool(row["resolution"]),
        timer_count=count,
        events=row["events"],
        retries=row["retries"],
        hangs=row["hangs"],
        longest_hang_seconds=None if longest is None else longest / _SECOND,
        next_left=round(due / _SECOND - now, 6) if known and now is not None else None,
    )


def _bases(survey: Survey, cpus: dict[int, int], active: Sequence[int | None]) -> list[_Base]:
    """The clocks of each CPU that have timers."""
    kernel = survey.kernel
    start, step = kernel.offset(_CPU, "clock_base"), kernel.sizeof(_CLOCK)
    numbers = kernel.enumerators("enum hrtimer_base_type")
    names = {
        number: name.removeprefix("HRTIMER_BASE_").replace("_", " ").lower()
        for name, number in numbers.items()
        if name.startswith("HRTIMER_BASE_")
    }
    return [
        _Base(cpu, name, place + start + step * number)
        for (cpu, place), mask in zip(cpus.items(), active, strict=True)
        for number, name in names.items()
        if (mask or 0) >> number & 1
    ]


def _timers(survey: Survey, bases: Sequence[_Base], now: float | None) -> list[HighResolutionTimer]:
    kernel = survey.kernel
    root = kernel.offset(_CLOCK, kernel.path(_CLOCK, *_TREE))
    offsets = survey.read(
        Fields(kernel, _CLOCK, _OF_CLOCK, ("offset",)), [base.address for base in bases], "clocks of timers"
    )["offset"]
    found: list[tuple[_Base, int | None, int]] = []
    for base, offset in zip(bases, offsets, strict=True):
        walked = kernel.walk_rbtree(base.address + root, _TIMER, "node.node")
        survey.walked(walked, "timers of high resolution")
        found += [(base, offset, place) for place in walked.addresses]
    places = [place for _, _, place in found]
    fields = Fields(kernel, _TIMER, _OF_TIMER, ("expires", "function"))
    rows = survey.rows(fields, places, "timers of high resolution")
    names = functions(kernel, [row["function"] for row in rows])
    sleepers = _sleepers(
        survey,
        [place for place, row in zip(places, rows, strict=True) if names[row["function"]] == _WAKEUP],
    )

    def left(value: int | None, offset: int | None) -> float | None:
        """Seconds left, by a clock with this offset to the monotonic one."""
        if value is None or offset is None or now is None:
            return None
        return round((value - offset) / _SECOND - now, 6)

    made = [
        HighResolutionTimer(
            cpu=base.cpu,
            clock_name=base.name,
            expires_left=left(row["expires"], offset),
            earliest_left=left(row["soft"], offset),
            timer_function=names[row["function"]],
            pid=sleepers.get(place, (None, None))[0],
            comm=sleepers.get(place, (None, None))[1],
            timer_address=place,
        )
        for (base, offset, place), row in zip(found, rows, strict=True)
    ]
    return sorted(made, key=lambda one: one.expires_left or 0.0)


def _sleepers(survey: Survey, places: Sequence[int]) -> dict[int, tuple[int | None, str | None]]:
    """Pid and name of the task that each timer wakes."""
    kernel = survey.kernel
    shift = kernel.offset(_SLEEPER, "timer")
    paths = ["task->pid", "task->comm"]
    rows = survey.gaps(
        kernel.read_many(_SLEEPER, [place - shift for place in places], paths), "sleeping tasks"
    )
    return dict(zip(places, rows, strict=True))
