"""``repeat``: another command, over and over."""

from __future__ import annotations

import re
import time
from typing import Any

from crashdrive.commandline import command_line
from crashdrive.commands.base import answer_of
from crashdrive.errors import ArgumentError, CommandFailedError, CrashdriveError, DeadlineError
from crashdrive.parsers import command_names
from crashdrive.parsers.repeat import Round
from crashdrive.records import Answer, Notice
from crashdrive.session.result import Runner
from crashdrive.text import printable

# What crash's command line acts on: a pipe, the shell, files, the next line.
_ACTING = re.compile(r"[|!<>\x00-\x1f\x7f]")
MOST_ROUNDS = 100_000


def repeat(
    crash: Runner,
    command: str,
    times: int = 2,
    *,
    seconds: float = 0.0,
    timeout: float | None = None,
) -> Answer[Round]:
    """What a command gives when it is run ``times`` times, ``seconds`` apart: a `Round` for each.

    Of use on a live system; a dump gives the same again and again. crash's own ``repeat`` ends only when it
    is interrupted, so that this one sends the command itself, round by round. It stops where a round fails
    (crash's own goes on after some failures): the rounds until there are the answer, marked, and the error
    is raised where there is none.
    ``timeout``: seconds for all rounds together, with the same end. ``command`` is a command line without
    pipes and redirections, of a command that has a parser. Source: crash's ``repeat``.
    """
    _check(command, times, seconds)
    start = time.monotonic()
    end = None if timeout is None else start + timeout
    rounds: list[Round] = []
    notices: list[Notice] = []
    while len(rounds) < times:
        if rounds:
            time.sleep(seconds if end is None else max(0.0, min(seconds, end - time.monotonic())))
        began = time.monotonic() - start
        try:
            answer = _run(crash, command, end)
        except (CommandFailedError, DeadlineError) as error:
            if not rounds:
                raise
            notices.append(_ended(error, len(rounds), times))
            break
        notices += answer.warnings
        rounds.append(_round(len(rounds) + 1, began, answer))
    return Answer(
        command=f"repeat {command}",
        shape="rounds",
        complete=len(rounds) == times and all(one.complete for one in rounds),
        warnings=tuple(notices),
        records=tuple(rounds),
    )


def _run(crash: Runner, command: str, end: float | None) -> Answer[Any]:
    left = None if end is None else end - time.monotonic()
    if left is not None and left <= 0:
        raise DeadlineError(f"no time is left for another round of {command!a}")
    return answer_of(crash.run(command, timeout=left))


def _round(number: int, start: float, answer: Answer[Any]) -> Round:
    return Round(
        number=number, start=start, shape=answer.shape, complete=answer.complete, records=answer.records
    )


def _ended(error: CrashdriveError, done: int, times: int) -> Notice:
    kind = "deadline" if isinstance(error, DeadlineError) else "error"
    return Notice(kind=kind, message=f"only {done} of {times} rounds: {printable(str(error))}")


def _check(command: str, times: int, seconds: float) -> None:
    name = command_line(command).name
    if name not in command_names() or name == "repeat" or _ACTING.search(command):
        raise ArgumentError(f"{command!a} is no plain command that can be repeated (such as runq -t)")
    if not 1 <= times <= MOST_ROUNDS or not 0 <= seconds <= 86_400:
        raise ArgumentError(f"repeat: 1 to {MOST_ROUNDS} rounds, 0 to 86400 seconds apart")
