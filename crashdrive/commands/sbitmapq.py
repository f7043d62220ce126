"""``sbitmapq``: a sbitmap queue."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.sbitmapq import SbitmapQueue
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def sbitmapq(crash: Runner, address: int) -> Answer[SbitmapQueue]:
    """The ``struct sbitmap_queue`` at ``address``: its depth, how much of it is busy, who waits. Needs crash
    8.0.1.

    Source: crash's ``sbitmapq``.
    """
    return call(crash, line("sbitmapq", arguments.address(address)))
