"""``mach``: the machine that the dump was taken of."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.mach import CpuData, FirmwareMessage, Machine, MemoryRange
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def mach(crash: Runner) -> Answer[Machine]:
    """Type, memory, CPUs, clock, page size, base addresses and stacks of the machine; one record.

    Source: crash's ``mach``.
    """
    return call(crash, "mach")


def mach_memory(crash: Runner) -> Answer[MemoryRange]:
    """The firmware's map of physical memory, x86 only (``mach -m``)."""
    return call(crash, "mach -m")


def mach_cpus(crash: Runner) -> Answer[CpuData]:
    """Each CPU's structures, x86 only (``mach -c``)."""
    return call(crash, "mach -c")


def mach_firmware(crash: Runner) -> Answer[FirmwareMessage]:
    """The console log of OPAL, ppc64 only (``mach -o``)."""
    return call(crash, "mach -o")
