"""Commands run and shown, for ``exec`` and ``parse``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crashdrive.cli._ending import say
from crashdrive.errors import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, CrashdriveError, ParseError
from crashdrive.parsers import parse
from crashdrive.records import Answer, Notice
from crashdrive.render import Output, render
from crashdrive.reports.base import Report, Table

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.session import CommandResult


def show_text(crash: Crash, commands: Sequence[str]) -> int:
    """What crash prints, as it prints it; made safe where a terminal shows it."""
    output = Output.standard()
    status = EXIT_OK
    for result in crash.run_many(commands):
        output.foreign(result.raw)
        if result.failure is not None:
            say(f"{result.command}: {result.failure.message}")
            status = EXIT_FAILED
    return status


def show_answers(crash: Crash, commands: Sequence[str], form: str, *, lenient: bool) -> int:
    """The records of each command."""
    statuses, answers = [], []
    for result in crash.run_many(commands):
        status, answer = _answer(result, lenient=lenient)
        statuses.append(status)
        answers.append(answer)
    show(answers, form)
    return min((status for status in statuses if status), default=EXIT_OK)


def _answer(result: CommandResult, *, lenient: bool) -> tuple[int, Answer[Any]]:
    try:
        answer = parse(result.check().command, result.text, lenient=lenient)
    except CrashdriveError as error:
        say(str(error))
        return error.exit_status, _failed(result, error)
    return tell_incomplete(answer), answer


def _failed(result: CommandResult, error: CrashdriveError) -> Answer[Any]:
    """A command without records keeps its place among the others."""
    notice = Notice(kind="error", message=str(error))
    if isinstance(error, ParseError):
        notice = Notice(kind="unparsed", message=error.reason, line=error.line, text=error.text)
    return Answer(command=result.command, shape="failed", complete=False, warnings=(notice,), records=())


def tell_incomplete(answer: Answer[Any]) -> int:
    """The exit status of an answer; one that isn't complete is told on stderr."""
    if answer.complete:
        return EXIT_OK
    reasons = "; ".join(dict.fromkeys(notice.message for notice in answer.warnings)) or "no reason given"
    say(f"{answer.command}: incomplete: {reasons}")
    return EXIT_INCOMPLETE


def show(answers: Sequence[Answer[Any]], form: str) -> None:
    """One answer as it is; several as JSON lines, or as the tables of one report."""
    output = Output.standard()
    if form == "json" or len(answers) == 1:
        for answer in answers:
            render(answer, form, output)
        return
    tables = tuple(Table(name=answer.command, rows=answer.records) for answer in answers)
    render(Report(report="exec", tables=tables), form, output)
