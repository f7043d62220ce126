"""``struct``: a structure's definition or contents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from crashdrive.commands._checked import member_offset, place, structure_members
from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.grammar.hexdump import Words
from crashdrive.parsers.struct import Definition, Structure
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def struct(crash: Runner, name: str, *, members: Sequence[str] = ...) -> Answer[Definition]: ...
@overload
def struct(
    crash: Runner,
    name: str,
    address: int | str,
    *,
    members: Sequence[str] = ...,
    count: int = ...,
    cpus: str | None = ...,
    embedded: int | str | None = ...,
    targets: bool = ...,
) -> Answer[Structure]: ...
def struct(
    crash: Runner,
    name: str,
    address: int | str | None = None,
    *,
    members: Sequence[str] = (),
    count: int = 1,
    cpus: str | None = None,
    embedded: int | str | None = None,
    targets: bool = False,
) -> Answer[Structure] | Answer[Definition]:
    """A structure or union: its definition with offsets, or its contents at ``address`` (or a symbol's).

    ``members`` limits it to some (paths such as ``se.on_rq``), of a definition to one. ``count``: how many in
    a row; ``cpus``: whose copies of per-cpu data (``a``: all); ``embedded``: the address is that of this
    member (``task_struct.tasks``) or of what is so many bytes inside; ``targets`` follows pointers.
    CommandFailedError where crash knows no such structure or can't read it. Source: crash's ``struct``.
    """
    wanted = structure_members(name, members)
    if address is None:
        return call(crash, line("*", wanted, flag("o", given=True)))
    offset = "" if embedded is None else f"-l {member_offset(embedded)}"
    counted = "" if count == 1 else arguments.number(count, low=1, high=1 << 20)
    return call(crash, line("*", wanted, place(address, cpus), counted, flag("p", targets), offset))


def struct_memory(crash: Runner, name: str, address: int | str) -> Answer[Words]:
    """The memory of a structure at ``address`` (or a symbol's), word by word (``struct -r``)."""
    return call(crash, line("struct", structure_members(name), flag("r", given=True), place(address)))
