"""``extend``: extensions of crash."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.extend import AvailableExtension, Extension
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def extend(crash: Runner) -> Answer[Extension]:
    """The shared objects that were loaded into crash, and their commands. Source: crash's ``extend``."""
    return call(crash, "extend")


def extend_available(crash: Runner) -> Answer[AvailableExtension]:
    """The shared objects that crash finds to load (``extend -s``)."""
    return call(crash, "extend -s")
