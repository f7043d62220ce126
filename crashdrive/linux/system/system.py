"""The machine at the time of the crash, in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from crashdrive.linux.clock import clock, iso_date
from crashdrive.linux.system.cpuinfo import Cpu, hypervisor
from crashdrive.linux.system.uts import banner, command_line, load, uts
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crashdrive.linux.survey import Survey

T = TypeVar("T")
_NAMES = ("nodename", "domainname", "release", "version", "machine")
_LOADS = ("load_1", "load_5", "load_15")


class System(Record, frozen=True):
    """One row: the machine at the time of the crash.

    ``date``: the time at which the dump's clocks stopped, UTC; ``booted``: the time of boot.
    ``uptime_seconds``: between the two. ``tainted``: the letters of an oops. ``cpus``: those present;
    ``cpu_model``: of the first.
    """

    nodename: str | None
    domainname: str | None
    release: str | None
    version: str | None
    machine: str | None
    banner: str | None
    command_line: str | None
    date: str | None
    booted: str | None
    uptime_seconds: float | None
    load_1: float | None
    load_5: float | None
    load_15: float | None
    tainted: str
    cpus: int | None
    cpu_model: str | None
    microcode: str | None
    hypervisor: str | None
    sys_vendor: str | None
    product_name: str | None
    bios: str | None


def system_of(survey: Survey, firmware: Mapping[str, str], processors: Sequence[Cpu], tainted: str) -> System:
    """The row; firmware's names, CPUs and taints were read before."""
    times = _one(survey, "the clocks", clock)
    below = _one(survey, "the hypervisor", hypervisor)
    bios = [firmware[name] for name in ("bios_vendor", "bios_version", "bios_date") if name in firmware]
    models = dict.fromkeys(one.model_name for one in processors if one.model_name)
    microcodes = dict.fromkeys(one.microcode for one in processors if one.microcode)
    return System(
        **_fields(_one(survey, "names", uts), _NAMES),
        banner=_one(survey, "its banner", banner),
        command_line=_one(survey, "the command line", command_line),
        date=None if times is None else iso_date(times.realtime),
        booted=None if times is None else iso_date(times.btime),
        uptime_seconds=None if times is None else round(times.boottime, 3),
        **_fields(_one(survey, "the load average", load), _LOADS),
        tainted=tainted,
        cpus=_one(survey, "the CPUs' number", lambda survey: len(survey.kernel.cpus)),
        cpu_model=", ".join(models) or None,
        microcode=", ".join(microcodes) or None,
        hypervisor=None if below is None else below.hypervisor,
        sys_vendor=firmware.get("sys_vendor"),
        product_name=firmware.get("product_name"),
        bios=" ".join(bios) or None,
    )


def _fields(row: Record | None, names: Sequence[str]) -> dict[str, Any]:
    """Fields of a row; None each where there is no row."""
    return {name: None if row is None else getattr(row, name) for name in names}


def _one(survey: Survey, what: str, find: Callable[[Survey], T]) -> T | None:
    return next(iter(survey.attempt(what, lambda: [find(survey)])), None)
