"""What every typed call is made of.

A module here is named after crash's command (``commands/ps.py``) and holds one function of that name (with
``_`` behind it where Python reserves the word) whose first argument is the Runner. It is found by its name
alone: ``crash.ps(...)`` is ``commands/ps.py``'s ``ps(crash, ...)``. All that it puts into the command line
goes through `crashdrive.session.arguments`.
"""

from __future__ import annotations

from typing import Any

from crashdrive.errors import CommandFailedError, ParseError
from crashdrive.parsers import parse
from crashdrive.records import Answer
from crashdrive.session.result import Runner
from crashdrive.text import printable

# Failures of which nothing that was printed is an answer.
_WHOLE = frozenset({"usage", "option", "unknown-command", "interrupted", "died", "deadline", "not-run"})


def flag(letter: str, given: bool) -> str:  # noqa: FBT001 - it is the condition itself
    """``-x`` when given, else nothing."""
    return f"-{letter}" if given else ""


def line(*words: str) -> str:
    """A command line out of checked words; empty ones are left out."""
    return " ".join(word for word in words if word)


def call(runner: Runner, command: str, *, timeout: float | None = None) -> Answer[Any]:
    """Run a command and parse what it printed; CommandFailedError where crash refused it.

    crash may fail for one of several tasks or arguments (``bt -a`` with one stack that can't be read): text
    that is an answer all the same is one, and its parser has marked what is missing.
    """
    result = runner.run(command, timeout=timeout)
    if result.failure is None:
        return parse(command, result.text)
    if result.failure.kind in _WHOLE:
        result.check()
    try:
        return parse(command, result.text)
    except ParseError as error:
        raise CommandFailedError(f"{command}: {printable(result.failure.message)}", result) from error
