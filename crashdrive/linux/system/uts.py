"""The kernel's names, command line and load: uname, /proc/version, /proc/cmdline, /proc/loadavg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Record

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_NAMES = ("sysname", "nodename", "release", "version", "machine", "domainname")
_LONGEST = 1 << 16  # a boot configuration makes it longer than COMMAND_LINE_SIZE
# kernel/sched/loadavg.c: fixed point with 11 bits behind it; half of a hundredth rounds up
_FSHIFT = 11
_HALF = (1 << _FSHIFT) // 200


class Uts(Record, frozen=True):
    """The names that uname prints, of the first UTS namespace."""

    sysname: str
    nodename: str
    release: str
    version: str
    machine: str
    domainname: str


class Load(Record, frozen=True):
    """The load average of the last 1, 5 and 15 minutes, as in /proc/loadavg."""

    load_1: float
    load_5: float
    load_15: float


def uts(survey: Survey) -> Uts:
    """Names of ``init_uts_ns``."""
    kernel = survey.kernel
    address = kernel.symbols.address("init_uts_ns") + kernel.offset("struct uts_namespace", "name")
    found = kernel.read_many("struct new_utsname", [address], _NAMES).check()
    return Uts(**{name: column[0] for name, column in zip(_NAMES, found.columns, strict=True)})


def banner(survey: Survey) -> str:
    """``linux_banner``, as in /proc/version."""
    raw = survey.kernel.read_string(survey.kernel.symbols.address("linux_banner"), _LONGEST)
    return raw.decode("utf-8", "backslashreplace").rstrip("\n")


def command_line(survey: Survey) -> str:
    """The kernel's command line (``saved_command_line``)."""
    kernel = survey.kernel
    start = kernel.read_pointer(kernel.symbols.address("saved_command_line"))
    return kernel.read_string(start, _LONGEST).decode("utf-8", "backslashreplace").rstrip("\n")


def load(survey: Survey) -> Load:
    """The load average (``avenrun``)."""
    kernel = survey.kernel
    start, step = kernel.symbols.address("avenrun"), kernel.pointer_size
    one, five, fifteen = (_hundredths(kernel.read_pointer(start + step * at)) for at in range(3))
    return Load(load_1=one, load_5=five, load_15=fifteen)


def _hundredths(fixed: int) -> float:
    fixed += _HALF
    return (fixed >> _FSHIFT) + ((fixed & ((1 << _FSHIFT) - 1)) * 100 >> _FSHIFT) / 100
