"""Commands run and shown, for ``exec`` and ``parse``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crashdrive.cli._ending import say
from crashdrive.commands.base import answer_of
from crashdrive.errors import (
    EXIT_FAILED,
    EXIT_INCOMPLETE,
    EXIT_OK,
    CommandFailedError,
    CrashdriveError,
    DeadlineError,
    ParseError,
    SessionDiedError,
    UsageError,
)
from crashdrive.records import Answer, Notice, Report, Table, told_incomplete
from crashdrive.render import Output, render

if TYPE_CHECKING:
    from crashdrive.cli._lines import Lines


def show_text(lines: Lines, commands: Sequence[str], *, header: bool = False) -> int:
    """What crash prints, as it comes; made safe where a terminal shows it.

    With ``header`` each command stands behind crash's prompt before its answer, as ``crash -i`` has it.
    """
    output = Output.standard()
    statuses = []
    for command in commands:
        if header:
            output.text(f"crash> {command}\n")
        try:
            with output.foreign() as sink:
                result = lines.run(command, to=sink)
        except (CommandFailedError, DeadlineError, SessionDiedError, UsageError) as error:
            say(str(error))
            statuses.append(error.exit_status)
            continue
        if result.failure is not None:
            say(f"{command}: {result.failure.message}")
            statuses.append(EXIT_FAILED)
        elif lines.crash.health.affecting(result.line.name):
            say(f"{command}: incomplete: see the warnings above")
            statuses.append(EXIT_INCOMPLETE)
    return worst(statuses)


def show_answers(lines: Lines, commands: Sequence[str], form: str, *, lenient: bool) -> int:
    """The records of each command; JSON as they come, other formats at the end."""
    statuses, answers = [], []
    for status, answer in _answers(lines, commands, lenient=lenient):
        statuses.append(status)
        if form == "json":
            show([answer], form)
        else:
            answers.append(answer)
    show(answers, form)
    return worst(statuses)


def _answers(lines: Lines, commands: Sequence[str], *, lenient: bool) -> Iterator[tuple[int, Answer[Any]]]:
    for command in commands:
        try:
            result = lines.run(command)
            answer = lines.crash.marked(answer_of(result, lenient=lenient), result.elapsed)
        except CrashdriveError as error:
            say(str(error))
            yield error.exit_status, _failed(command, error)
        else:
            yield tell_incomplete(answer), answer


def _failed(command: str, error: CrashdriveError) -> Answer[Any]:
    """A command without records keeps its place among the others."""
    notice = Notice(kind="error", message=str(error))
    if isinstance(error, ParseError):
        notice = Notice(kind="unparsed", message=error.reason, line=error.line, text=error.text)
    return Answer(command=command, shape="failed", complete=False, warnings=(notice,), records=())


def worst(statuses: Sequence[int]) -> int:
    """The exit status of several commands: the first failure, else whether one was incomplete."""
    failures = (status for status in statuses if status not in (EXIT_OK, EXIT_INCOMPLETE))
    return next(failures, EXIT_INCOMPLETE if EXIT_INCOMPLETE in statuses else EXIT_OK)


def tell_incomplete(answer: Answer[Any]) -> int:
    """The exit status of an answer; one that isn't complete is told on stderr."""
    return completeness(answer, answer.command)


def completeness(value: Any, name: str) -> int:
    """The exit status of an answer or a report; one that isn't complete is told on stderr."""
    if getattr(value, "complete", True):
        return EXIT_OK
    say(told_incomplete(name, getattr(value, "warnings", ())))
    return EXIT_INCOMPLETE


def show(answers: Sequence[Answer[Any]], form: str) -> None:
    """One answer as it is; several as the tables of one report."""
    output = Output.standard()
    if len(answers) == 1:
        render(answers[0], form, output)
    elif answers:
        tables = tuple(Table(name=answer.command, rows=answer.records) for answer in answers)
        render(Report(report="exec", tables=tables), form, output)
