"""``ascii``: the bytes of numbers as characters."""

from __future__ import annotations

from typing import Any, overload

from crashdrive.commands.base import call, line
from crashdrive.parsers.ascii import AsciiText, Character
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def ascii(crash: Runner) -> Answer[Character]: ...  # noqa: A001 - see below
@overload
def ascii(crash: Runner, value: int, /, *values: int) -> Answer[AsciiText]: ...  # noqa: A001 - see below
def ascii(crash: Runner, *values: int) -> Answer[Any]:  # noqa: A001 - named after crash's command
    """The bytes of each number, in the machine's order, as characters; without any the chart of all.

    Source: crash's ``ascii``.
    """
    return call(crash, line("ascii", *map(arguments.address, values)))
