"""``ptov``: virtual addresses of physical ones."""

from __future__ import annotations

from crashdrive.commands._checked import cpu_list
from crashdrive.commands.base import call, line
from crashdrive.parsers.ptov import PerCpuVirtual, VirtualAddress
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def ptov(crash: Runner, *values: int, cpus: str | None = None) -> Answer[VirtualAddress | PerCpuVirtual]:
    """Where the kernel maps physical addresses; with ``cpus`` (``a``: all) where per-cpu offsets are on these
    CPUs.

    Source: crash's ``ptov``.
    """
    end = "" if cpus is None else f":{cpu_list(cpus)}"
    return call(crash, line("ptov", *(arguments.address(value) + end for value in values)))
