"""``alias``: names for command lines."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.alias import Alias
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def alias(crash: Runner) -> Answer[Alias]:
    """All aliases that crash knows. Source: crash's ``alias``."""
    return call(crash, "alias")
