"""``ascii``: the bytes of numbers as characters."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.ascii import AsciiText
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def ascii(crash: Runner, *values: int) -> Answer[AsciiText]:  # noqa: A001 - named after crash's command
    """The bytes of each number, in the machine's order, as characters. Source: crash's ``ascii``."""
    return call(crash, line("ascii", *map(arguments.address, values)))
