"""``sys``: the system that the dump was taken of."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.sys import ConfigLine, DmiString, System, SystemCall, Taint
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def sys(crash: Runner) -> Answer[System]:
    """Kernel, dump, CPUs, date, uptime, load, tasks, release, memory and panic message; one record.

    Source: crash's ``sys``.
    """
    return call(crash, "sys")


def sys_taint(crash: Runner) -> Answer[Taint]:
    """The kernel's taint mask and its letters; one record (``sys -t``)."""
    return call(crash, "sys -t")


def sys_calls(crash: Runner, find: int | str | None = None) -> Answer[SystemCall]:
    """The system call table; of it the entry ``find`` (a number), or those whose name holds ``find``."""
    if find is None:
        return call(crash, "sys -c")
    return call(
        crash, line("sys -c", arguments.number(find) if isinstance(find, int) else arguments.symbol(find))
    )


def sys_dmi(crash: Runner) -> Answer[DmiString]:
    """The firmware's DMI strings (``sys -i``)."""
    return call(crash, "sys -i")


def sys_config(crash: Runner) -> Answer[ConfigLine]:
    """The kernel's configuration, where the kernel keeps it (``sys config``)."""
    return call(crash, "sys config")
