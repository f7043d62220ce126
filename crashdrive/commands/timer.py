"""``timer``: what the kernel's timers wait for."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.timer import HrtimerBase, TimerBase
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def _cpu(cpu: int | None) -> str:
    return "" if cpu is None else f"-C {arguments.number(cpu)}"


def timer(crash: Runner, *, cpu: int | None = None) -> Answer[TimerBase]:
    """The timers of all CPUs or of one, base by base, in the order in which they fire; times in jiffies.

    Source: crash's ``timer``.
    """
    return call(crash, line("timer", _cpu(cpu)))


def timer_hr(crash: Runner, *, cpu: int | None = None) -> Answer[HrtimerBase]:
    """The high-resolution timers, clock by clock; times in nanoseconds of the clock (``timer -r``)."""
    return call(crash, line("timer -r", _cpu(cpu)))
