"""``help``: what commands this crash has."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.help import CommandName
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def help(crash: Runner) -> Answer[CommandName]:  # noqa: A001 - named after crash's command
    """All commands of this crash, extensions' as well. Source: crash's ``help``."""
    return call(crash, "help")
