"""``help``: what commands this crash has."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.errors import ArgumentError
from crashdrive.parsers.help import CommandName, Entry, HelpSection, Option
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def help(crash: Runner) -> Answer[CommandName]:  # noqa: A001 - named after crash's command
    """All commands of this crash, extensions' as well. Source: crash's ``help``."""
    return call(crash, "help")


def help_page(crash: Runner, command: str) -> Answer[HelpSection]:
    """The sections of a command's help page (``help COMMAND``)."""
    return call(crash, f"help {arguments.word(command)}")


def help_options(crash: Runner) -> Answer[Option]:
    """The options of ``help`` that show crash's own tables (``help -z``)."""
    return call(crash, "help -z")


def help_table(crash: Runner, letter: str) -> Answer[Entry]:
    """One of crash's own tables, by its letter (``help -k``): what crash knows of the kernel."""
    if not (len(letter) == 1 and letter.isascii() and letter.isalpha()):
        raise ArgumentError(f"{letter!a} is no letter of a table (such as k)")
    return call(crash, f"help -{letter}")
