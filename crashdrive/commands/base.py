"""What every typed call is made of.

A module here is named after crash's command (``commands/ps.py``) and holds one function of that name (with
``_`` behind it where Python reserves the word) whose first argument is the Runner. It is found by its name
alone: ``crash.ps(...)`` is ``commands/ps.py``'s ``ps(crash, ...)``. All that it puts into the command line
goes through `crashdrive.session.arguments`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from crashdrive.errors import CommandFailedError, ParseError
from crashdrive.records import Answer, Notice
from crashdrive.session.result import CommandResult, Failure, Runner
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
    """Run a command and parse what it printed: see `answer_of`."""
    return answer_of(runner.run(command, timeout=timeout))


def answer_of(result: CommandResult, *, lenient: bool = False) -> Answer[Any]:
    """The records in what a command printed; CommandFailedError where crash refused it.

    crash may fail for one of several tasks or arguments (``bt -a`` with one stack that can't be read): what
    it told of the others is an answer. Its parser has marked what crash said is missing; what crash kept
    silent about (``rd`` that stops at an excluded page) is marked here.
    """
    failure = result.failure
    if failure is None:
        return result.read(lenient=lenient)
    if failure.kind in _WHOLE:
        result.check()
    try:
        answer = result.read(lenient=lenient)
    except ParseError:
        raise CommandFailedError(f"{result.command}: {printable(failure.message)}", result) from None
    if not answer.records:
        result.check()
    judged = failure.message in result.text  # such as ps -a of kernel threads, which have no arguments
    return answer if judged or not answer.complete else _marked(answer, failure)


def _marked(answer: Answer[Any], failure: Failure) -> Answer[Any]:
    notice = Notice(kind=failure.kind, message=printable(failure.message))
    return msgspec.structs.replace(answer, complete=False, warnings=(*answer.warnings, notice))
