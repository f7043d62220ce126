"""``whatis``: what a type or symbol is."""

from __future__ import annotations

from typing import Any, overload

from crashdrive.commands._checked import bare_type
from crashdrive.commands.base import call, flag, line
from crashdrive.errors import UsageError
from crashdrive.parsers.grammar.definitions import Definition
from crashdrive.parsers.whatis import Declaration, Enumeration, EnumeratorOf, SizedType
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def whatis(crash: Runner, name: str) -> Answer[Definition | Enumeration | EnumeratorOf | Declaration]: ...
@overload
def whatis(crash: Runner, *, sizes: tuple[int, int], member: str | None = ...) -> Answer[SizedType]: ...
@overload
def whatis(crash: Runner, *, member: str) -> Answer[SizedType]: ...
def whatis(
    crash: Runner,
    name: str | None = None,
    *,
    sizes: tuple[int, int] | None = None,
    member: str | None = None,
) -> Answer[Any]:
    """A type's definition, an enumerator's value or a symbol's declaration.

    Without ``name`` a search: structures whose size is within ``sizes`` (lowest, highest, in bytes) and that
    hold or point to the structure ``member``. Records: `Definition`, `Enumeration`, `EnumeratorOf`,
    `Declaration`, `SizedType` (in `crashdrive.parsers.whatis`). Source: crash's ``whatis``.
    """
    if name is not None:
        return call(crash, line("whatis", flag("o", given=True), _name(name)))
    if sizes is None and member is None:
        raise UsageError("whatis needs a name, or sizes or a member to search for")
    span = "" if sizes is None else f"-r {arguments.number(sizes[0])}-{arguments.number(sizes[1])}"
    return call(crash, line("whatis", span, "" if member is None else f"-m {bare_type(member)}"))


def _name(name: str) -> str:
    return (
        name
        if name.startswith(("struct ", "union ", "enum ")) and arguments.type_name(name)
        else bare_type(name)
    )
