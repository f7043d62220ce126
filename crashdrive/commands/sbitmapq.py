"""``sbitmapq``: a sbitmap queue."""

from __future__ import annotations

from crashdrive.commands._checked import shown
from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.sbitmapq import SbitmapEntry, SbitmapQueue
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def sbitmapq(crash: Runner, address: int) -> Answer[SbitmapQueue]:
    """The ``struct sbitmap_queue`` at ``address``: its depth, how much of it is busy, who waits. Needs crash
    8.0.1.

    Source: crash's ``sbitmapq``.
    """
    return call(crash, line("sbitmapq", arguments.address(address)))


def sbitmapq_entries(
    crash: Runner, queue: int, *, array: int, structure: str, pointers: bool = False
) -> Answer[SbitmapEntry]:
    """What an ``array`` holds for each busy bit of the queue: ``structure`` or ``structure.member``.

    ``pointers``: the array is one of pointers. Source: crash's ``sbitmapq -s``.
    """
    (wanted,) = shown(structure)
    entries = f"-s {wanted} -a {arguments.address(array)}"
    return call(crash, line("sbitmapq", entries, flag("p", pointers), arguments.address(queue)))
