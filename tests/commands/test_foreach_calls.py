"""The typed call of ``foreach``: several commands at once, and tasks that crash passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from crashdrive.commands.foreach import foreach
from crashdrive.errors import ArgumentError, CommandFailedError
from crashdrive.session.result import CommandResult, Failure
from tests.parsers.printed import header

INIT = header(1, 0xFFFF8904411FC180, 0, "init")
SH = header(7, 0xFFFF8904411F8000, 1, "sh")
TRACE = " #0 [ffffcdfe80013c10] schedule at ffffffffac86c62f\n"
TITLES = "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n"
ROW = "        1       0   0  ffff8904411fc180  IN   0.1     1104      768  init\n"
FILES = "ROOT: /    CWD: /\nNo open files\n"


class Runner:
    """Answers with prepared texts; a failure for those that crash refuses."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        del timeout
        text = self.texts[command]
        first = text.split("\n", 1)[0]
        failure = Failure(kind="message", message=first) if first.startswith(("vm: ", "foreach: ")) else None
        return CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=failure)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.run(command, timeout=timeout) for command in commands]


BOTH = f"{INIT}\n{SH}\n"
TEXTS = {
    "foreach test": BOTH,
    "foreach bt": f"{INIT}{TRACE}\n{SH}{TRACE}\n",
    "foreach files": f"{INIT}{FILES}\n{SH}{FILES}\n",
    "foreach ps": TITLES + ROW,
    "foreach vm": "vm: invalid structure member offset: mm_struct_mmap\n",
    "foreach UN test": "",
    "foreach UN bt": "",
    "foreach UN vm": "",
    "foreach 5 test": 'foreach: unknown argument: "5"\n',
    "foreach 5 ps": 'foreach: unknown argument: "5"\n',
}


def test_each_answer_has_its_task_and_command() -> None:
    answer = foreach(Runner(TEXTS), ["bt", "files"])
    assert [(one.pid, one.command, one.shape) for one in answer] == [
        (1, "bt", "bt"),
        (1, "files", "records"),
        (7, "bt", "bt"),
        (7, "files", "records"),
    ]
    assert answer.complete
    assert all(record.task == one.task for one in answer for record in one.records)
    assert [one.records for one in answer if one.command == "bt"] == [
        (trace,) for trace in foreach(Runner(TEXTS), "bt")
    ]


def test_a_task_that_crash_passed_over() -> None:
    answer = foreach(Runner(TEXTS), "ps")
    assert (len(answer), answer.complete) == (1, False)
    assert "1 of 2 tasks (pid 7)" in answer.warnings[-1].message
    several = foreach(Runner(TEXTS), ["ps", "bt"])
    assert [(one.pid, one.command, len(one.records)) for one in several] == [
        (1, "ps", 1),
        (1, "bt", 1),
        (7, "ps", 0),
        (7, "bt", 1),
    ]
    assert not several.complete


def test_one_command_that_crash_refuses() -> None:
    answer = foreach(Runner(TEXTS), ["vm", "bt"])
    assert [(one.pid, one.command, one.shape) for one in answer] == [
        (1, "vm", ""),
        (1, "bt", "bt"),
        (7, "vm", ""),
        (7, "bt", "bt"),
    ]
    assert not answer.complete
    with pytest.raises(CommandFailedError):
        foreach(Runner(TEXTS), ["vm"])


def test_no_task_is_an_answer_and_no_such_task_none() -> None:
    assert (len(foreach(Runner(TEXTS), ["bt", "vm"], "UN"))) == 0
    with pytest.raises(CommandFailedError):
        foreach(Runner(TEXTS), "ps", 5)


@pytest.mark.parametrize("commands", [[], ["bt", "bt"], ["bt", "sys"], "vtop", ["bt vm"]])
def test_refused(commands: Any) -> None:
    with pytest.raises(ArgumentError):
        foreach(Runner(TEXTS), commands)
