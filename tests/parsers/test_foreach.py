"""``foreach``: the inner command's records, and where a task's answer begins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from tests.parsers.printed import header
from tests.parsers.recorded import each, output

INIT = header(1, 0xFFFF8904411FC180, 0, "init")
SH = header(7, 0xFFFF8904411F8000, 1, "sh")
TRACE = " #0 [ffffcdfe80013c10] schedule at ffffffffac86c62f\n"


def test_records_are_those_of_the_inner_command() -> None:
    text = f"{INIT}{TRACE}\n{SH}{TRACE}"
    assert list(parse("foreach bt", text)) == list(parse("bt 1 7", text))
    assert parse("foreach bt", text).shape == "bt"
    assert [
        task.members for task in parse("foreach sh task -R pid", f"{INIT}  pid = 1,\n\n{SH}  pid = 7,\n\n")
    ] == [
        {"pid": 1},
        {"pid": 7},
    ]


def test_options_on_either_side() -> None:
    names = "RIP RSP RFLAGS RAX RBX RCX RDX RSI RDI RBP R8 R9 R10 R11 R12 R13 R14 R15 ORIG_RAX CS SS"
    registers = "".join(f"    {name}: {0:016x}\n" for name in names.split())
    text = f"{INIT}\n  USER-MODE EXCEPTION FRAME AT: ffffcdfe80013c70\n{registers}"
    for command in ("foreach bt -e", "foreach -e user bt"):
        assert len(parse(command, text)[0].found) == 1


def test_a_selection_may_be_empty() -> None:
    assert list(parse("foreach UN bt", "")) == []
    assert list(parse("foreach 'x|y' bt", "")) == []
    with pytest.raises(ParseError):
        parse("foreach bt", "")


def test_nothing_but_left_out_lines() -> None:
    answer = parse("foreach files", "...\n")
    assert (len(answer), answer.complete) == (0, False)


def test_lines_of_errors_are_those_of_the_whole_text() -> None:
    with pytest.raises(ParseError) as caught:
        parse("foreach bt", f"{INIT}{TRACE}\n{SH}{TRACE}nonsense\n")
    assert caught.value.line == 6
    assert caught.value.command == "foreach bt"
    text = f"{INIT}VIRTUAL     PHYSICAL        \nc0000000    (not accessible)\n\n\n{SH}nonsense\n"
    with pytest.raises(ParseError) as caught:
        parse("foreach vtop c0000000", text)
    assert caught.value.line == 7


@pytest.mark.parametrize("command", ["foreach", "foreach 1", "foreach sys", "foreach bt"])
def test_refused(command: str) -> None:
    with pytest.raises(ParseError):
        parse(command, "foreach: unknown argument\n")


def test_a_task_twice_is_marked() -> None:
    assert not parse("foreach bt", f"{INIT}{TRACE}\n{INIT}{TRACE}").complete


@each("foreach")
def test_each_task_once(case: Path) -> None:
    command, text = output(case)
    answer = parse(command, text)
    if " ps" in command or not text:
        return
    heads = re.findall(r"^PID: (\d+) +TASK: ([0-9a-f]+)", text, re.MULTILINE)
    assert [(record.pid, f"{record.task:x}") for record in answer] == [
        (int(pid), task) for pid, task in heads
    ]


def test_a_command_that_failed_for_one_task() -> None:
    good = f"{INIT}VIRTUAL     PHYSICAL        \nc0000000    (not accessible)\n\n\n"
    bad = f"{SH}VIRTUAL     PHYSICAL        \n\nvtop: invalid structure member offset: mm_struct_mmap\n"
    first, second = answer = parse("foreach vtop c0000000", good + bad)
    assert (len(first.records), second.records, second.pid) == (1, (), 7)
    assert not answer.complete
    with pytest.raises(ParseError):
        parse("foreach vtop c0000000", bad)


def test_crash_runs_one_command() -> None:
    text = f"{INIT}{TRACE}\n{SH}{TRACE}"
    for command in ("foreach bt vm", "foreach bt set -f", "foreach bt ps sig"):
        answer = parse(command, text)
        assert (list(answer), answer.complete) == (list(parse("foreach bt", text)), False)
        assert answer.warnings[0].kind == "ignored"
    answer = parse("foreach bt 7", text)  # for all tasks, although it names one
    assert (answer.complete, [note.kind for note in answer.warnings]) == (True, ["ignored"])
    assert parse("foreach 7 bt", text).warnings == ()


def test_what_is_said_of_several_tasks_stands_there_for_each() -> None:
    answer = parse("foreach sig", f"{INIT}\n{SH}\n")
    assert len(answer.warnings) == 2
    error = "vtop: invalid structure member offset: mm_struct_mmap\n"
    good = "VIRTUAL     PHYSICAL        \nc0000000    (not accessible)\n\n\n"
    answer = parse("foreach vtop c0000000", f"{INIT}{good}{SH}{error}\n{INIT}{error}")
    assert [notice.line for notice in answer.warnings if notice.kind == "error"] == [7, 10]


def test_the_tasks_alone() -> None:
    answer = parse("foreach user test", f"{INIT}\n{SH}")
    assert [(task.pid, task.comm) for task in answer] == [(1, "init"), (7, "sh")]
    with pytest.raises(ParseError):
        parse("foreach test", f"{INIT}{TRACE}")


def test_net_without_an_option_is_net_s() -> None:
    warning = "WARNING: net command requires -s or -S option\n\n"
    text = f"{INIT}No open sockets.\n\n{SH}No open sockets.\n\n"
    assert list(parse("foreach net", warning + text)) == list(parse("foreach net -s", text))


@pytest.mark.parametrize("command", ["bt", "bt -f", "vm", "files", "net -s", "net -S", "sig"])
def test_a_task_of_which_crash_says_nothing(command: str) -> None:
    assert not parse(f"foreach {command}", f"{INIT}\n{SH}").complete


def test_threads_below_a_leader_whose_name_holds_a_newline() -> None:
    block = "SIGNAL_STRUCT: ffff8ea541ae0000  NR_THREADS: 1\n"
    state = "  SIGPENDING: no\n     BLOCKED: 0000000000000000\n"
    thread = '  PID: 342      TASK: ffff8ea55eb68000  CPU: 1    COMMAND: "line\nbreak"\n'
    text = header(342, 0xFFFF8EA55EB68000, 1, "line\nbreak") + block + thread + state
    leader = parse("sig -g 342", text).one()
    assert [(one.comm, one.sigpending) for one in leader.threads] == [("line\nbreak", False)]
