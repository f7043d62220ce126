"""``dis``: instructions."""

from __future__ import annotations

from typing import Literal

from crashdrive.commands._checked import place
from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.dis import Instruction, SourceLine
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

Part = Literal["from", "until", "rest"]
_PARTS = {"from": "", "until": "-r", "rest": "-f"}


def dis(
    crash: Runner,
    where: int | str,
    count: int | None = None,
    *,
    part: Part = "from",
    lines: bool = False,
    user: bool = False,
) -> Answer[Instruction]:
    """Instructions of the function at ``where`` (a symbol or an address), ``count`` of them or to its end.

    ``part``: ``from`` there on, ``until`` there from the function's start, or the ``rest`` of the function.
    ``lines``: with file and line of the source; ``user``: the address is the current task's.
    Source: crash's ``dis``.
    """
    if part not in _PARTS:
        raise ArgumentError(f"{part!a} is no part of a function (such as until)")
    counted = "" if count is None else arguments.number(count, low=1, high=1 << 20)
    return call(crash, line("dis", flag("l", lines), flag("u", user), _PARTS[part], place(where), counted))


def dis_source(crash: Runner, where: int | str, count: int | None = None) -> Answer[SourceLine]:
    """The lines of source around a symbol or an address, where the source is there (``dis -s``)."""
    counted = "" if count is None else arguments.number(count, low=1, high=1 << 20)
    return call(crash, line("dis -s", place(where), counted))
