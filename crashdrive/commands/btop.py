"""``btop``: the pages that addresses are in."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.btop import PageNumber
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def btop(crash: Runner, *values: int) -> Answer[PageNumber]:
    """The pages that addresses are in. Source: crash's ``btop``."""
    return call(crash, line("btop", *map(arguments.address, values)))
