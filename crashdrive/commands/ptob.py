"""``ptob``: the first addresses of pages."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.ptob import PageAddress
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def ptob(crash: Runner, *values: int) -> Answer[PageAddress]:
    """The first addresses of pages. Source: crash's ``ptob``."""
    return call(crash, line("ptob", *map(arguments.address, values)))
