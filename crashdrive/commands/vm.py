"""``vm``: the address spaces of tasks."""

from __future__ import annotations

from typing import Any, Literal, overload

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.vm import TaskMemory, TaskStructures, VmFlags
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def vm(
    crash: Runner, *who: int, pages: bool = ..., area: int | None = ..., timeout: float | None = ...
) -> Answer[TaskMemory]: ...
@overload
def vm(
    crash: Runner, *who: int, mm_struct: Literal[True], timeout: float | None = ...
) -> Answer[TaskStructures]: ...
@overload
def vm(
    crash: Runner, *who: int, vm_area_structs: Literal[True], timeout: float | None = ...
) -> Answer[TaskStructures]: ...
@overload
def vm(
    crash: Runner,
    *who: int,
    pages: bool = ...,
    area: int | None = ...,
    mm_struct: bool = ...,
    vm_area_structs: bool = ...,
    timeout: float | None = ...,
) -> Answer[TaskMemory | TaskStructures]: ...
def vm(
    crash: Runner,
    *who: int,
    pages: bool = False,
    area: int | None = None,
    mm_struct: bool = False,
    vm_area_structs: bool = False,
    timeout: float | None = None,
) -> Answer[Any]:
    """The address spaces of tasks (`TaskMemory`), by pid or task_struct; the current one where none is named.

    ``pages``: where each page is; ``area``: only the pages of the area at this address. ``mm_struct``,
    ``vm_area_structs``: the structures themselves (`TaskStructures`). Source: crash's ``vm``.
    """
    if pages + (area is not None) + mm_struct + vm_area_structs > 1:
        raise ArgumentError("vm: one of pages, area, mm_struct, vm_area_structs")
    of = () if area is None else ("-P", arguments.address(area))
    flags = (flag("p", pages), flag("m", mm_struct), flag("v", vm_area_structs))
    return call(crash, line("vm", *flags, *of, *map(arguments.task, who)), timeout=timeout)


def vm_flags(crash: Runner, flags: int) -> Answer[VmFlags]:
    """The names of the bits of a ``vm_flags`` (``vm -f``)."""
    return call(crash, f"vm -f {arguments.address(flags)}")
