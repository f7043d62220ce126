"""The kernel's clocks at the time of the dump: uptime and time of day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_KIND, _CORE, _NAMED = "struct timekeeper", "tk_core", "struct tk_data"
# of all timekeepers, the kernel's own one first; in place of tk_core where auxiliary clocks are known
_ALL = "timekeeper_data"
# since 3.10 (48cdc135d4840), in tk_core itself since 6.13
_COPY = "shadow_timekeeper"
_SECOND = 1_000_000_000
_FIELDS = {
    "seconds": ("xtime_sec",),
    "shifted": ("tkr_mono.xtime_nsec",),
    "shift": ("tkr_mono.shift",),
    "offs_real": ("offs_real",),
    "offs_boot": ("offs_boot",),
}


class Clock(Record, frozen=True):
    """The clocks as the timekeeper last left them, at most a few ticks before the dump; all in seconds.

    ``realtime``: since 1970, UTC. ``monotonic``: since boot, without suspend; ``boottime``: with suspend (the
    uptime). ``btime``: the time of boot, since 1970, as in /proc/stat.
    """

    realtime: float
    monotonic: float
    boottime: float
    btime: float

    def date_of(self, monotonic: float) -> float:
        """The time since 1970 of a monotonic time; right if the clock wasn't set after it."""
        return self.realtime - self.monotonic + monotonic


def iso_date(seconds: float, timespec: str = "seconds") -> str | None:
    """A time since 1970 as ISO 8601 has it, UTC; None beyond the calendar, as of a damaged timekeeper."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat(timespec=timespec)
    except OverflowError:
        return None


def clock(survey: Survey) -> Clock:
    """The timekeeper's clocks (kernel/time/timekeeping.c); errors of `Survey.attempt` where it has none."""
    kernel = survey.kernel
    fields = Fields(kernel, _KIND, _FIELDS, ("seconds", "shifted", "shift", "offs_real", "offs_boot"))
    found = kernel.read_many(_KIND, [_timekeeper(kernel)], fields.paths).check()
    row = {name: int(column[0]) for name, column in fields.named(found).items()}
    realtime = row["seconds"] + (row["shifted"] >> min(row["shift"], 64)) / _SECOND
    monotonic = realtime - row["offs_real"] / _SECOND
    boottime = monotonic + row["offs_boot"] / _SECOND
    return Clock(realtime=realtime, monotonic=monotonic, boottime=boottime, btime=realtime - boottime)


def _timekeeper(kernel: Machine) -> int:
    """Its address: in tk_core, whose type has had a name since 6.13; before, that of its shadow copy."""
    symbols = kernel.symbols
    if kernel.has_type(_NAMED):
        return symbols.address(_ALL if symbols.has(_ALL) else _CORE) + kernel.offset(_NAMED, "timekeeper")
    if symbols.has(_COPY):
        return symbols.address(_COPY)
    return symbols.address(_CORE) + kernel.offset(kernel.variable_type(_CORE), "timekeeper")
