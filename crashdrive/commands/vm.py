"""``vm``: the address spaces of tasks."""

from __future__ import annotations

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.vm import TaskMemory, TaskStructures
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def vm(
    crash: Runner,
    *who: int,
    pages: bool = False,
    area: int | None = None,
    mm_struct: bool = False,
    vm_area_structs: bool = False,
    timeout: float | None = None,
) -> Answer[TaskMemory | TaskStructures]:
    """The address spaces of tasks (`TaskMemory`), by pid or task_struct; the current one where none is named.

    ``pages``: where each page is; ``area``: only the pages of the area at this address. ``mm_struct``,
    ``vm_area_structs``: the structures themselves (`TaskStructures`). Source: crash's ``vm``.
    """
    if pages + (area is not None) + mm_struct + vm_area_structs > 1:
        raise ArgumentError("vm: one of pages, area, mm_struct, vm_area_structs")
    of = () if area is None else ("-P", arguments.address(area))
    flags = (flag("p", pages), flag("m", mm_struct), flag("v", vm_area_structs))
    return call(crash, line("vm", *flags, *of, *map(arguments.task, who)), timeout=timeout)
