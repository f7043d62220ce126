"""``swap``: the swap devices."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.swap import SwapDevice
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def swap(crash: Runner) -> Answer[SwapDevice]:
    """The swap devices: size and use in bytes, priority, file name. Source: crash's ``swap``."""
    return call(crash, "swap")
