"""``pte``: what page table entries say."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.pte import PageTableEntry
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def pte(crash: Runner, *values: int) -> Answer[PageTableEntry]:
    """What page table entries say. Source: crash's ``pte``."""
    return call(crash, line("pte", *map(arguments.address, values)))
