"""``map``: the file that maps a KVM dump's memory."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.map import MapFile
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def map(crash: Runner) -> Answer[MapFile]:  # noqa: A001 - it is named after crash's command
    """The map file in use (dumps of ``virsh dump`` only). Source: crash's ``map``."""
    return call(crash, "map")
