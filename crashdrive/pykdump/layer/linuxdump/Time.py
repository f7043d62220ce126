"""``LinuxDump.Time``: the kernel's clocks."""

from __future__ import annotations

from crashdrive.linux.clock import Clock, clock
from crashdrive.linux.survey import Survey
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.linuxdump.Tasks import jiffies2ms
from crashdrive.pykdump.run import current

_SECOND = 1_000_000_000
_WORD = 1 << 64


def _clock() -> Clock:
    return clock(Survey(current().kernel))


def j_delay(ts: int, jiffies: int, maxhours: float = 24) -> str:
    """How long ago a moment in jiffies was, as text; ``n/a`` beyond ``maxhours``."""
    seconds = ((int(jiffies) - int(ts)) % _WORD) / current().kernel.hz
    if seconds > maxhours * 3600:
        return "     n/a"
    return f"{seconds:8.2f} s"


def seconds_since_boot() -> int:
    """Seconds since the boot."""
    return int(_clock().boottime)


def getboottime() -> tuple[int, int]:
    """When the kernel booted: (seconds, nanoseconds) since 1970."""
    moment = _clock().btime
    return int(moment), int(moment % 1 * _SECOND)


def get_seconds() -> int:
    """The time of day in seconds since 1970."""
    return int(_clock().realtime)


def get_ktime_j() -> int:
    """Jiffies since the boot in nanoseconds."""
    return int(jiffies2ms(current().kernel.jiffies) * 1_000_000)


sched_clock_j = get_ktime_j


def ktime_t(t: object) -> int:
    """A ktime_t in nanoseconds."""
    return int(getattr(t, "tv64", t))  # type: ignore[call-overload, no-any-return] # a number, or a union of one


def get_uptime_fromcrash() -> int:
    """Seconds since the boot."""
    return current().facts.uptime() // current().kernel.hz


__getattr__ = lazy_names(__name__, {})
