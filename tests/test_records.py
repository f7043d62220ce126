"""What every answer is made of."""

from __future__ import annotations

import pytest

from crashdrive.errors import EXIT_INCOMPLETE, IncompleteError
from crashdrive.records import Answer, Notice, Report

HOLES = (Notice(kind="hole", message="tasks: a page\x1b[31m is missing"),) * 2


def answer(*, complete: bool, warnings: tuple[Notice, ...] = ()) -> Answer[int]:
    return Answer(command="ps", shape="ps", complete=complete, warnings=warnings, records=(1,))


def test_who_wants_no_holes_gets_an_error() -> None:
    whole = answer(complete=True)
    assert whole.check() is whole
    with pytest.raises(
        IncompleteError, match=r"^ps: incomplete: tasks: a page\\x1b\[31m is missing$"
    ) as error:
        answer(complete=False, warnings=HOLES).check()
    assert error.value.exit_status == EXIT_INCOMPLETE
    with pytest.raises(IncompleteError, match="no reason given"):
        answer(complete=False).check()


def test_reports_say_what_they_lack() -> None:
    report = Report(report="netstat", tables=())
    assert report.check() is report
    with pytest.raises(IncompleteError, match="netstat: incomplete: tasks"):
        Report(report="netstat", tables=(), complete=False, warnings=HOLES).check()
