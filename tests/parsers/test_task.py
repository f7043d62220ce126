"""``task``: structures and members."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.task import TaskMembers
from tests.parsers.printed import header
from tests.parsers.recorded import each, output

INIT = header(1, 0xFFFF8904411FC180, 0, "init")


def test_structures() -> None:
    text = (
        f"{INIT}struct task_struct {{\n  state = 0, \n  usage = {{\n    counter = 2\n  }}\n}}\n\n"
        "struct thread_info {\n  cpu = 1\n}\n\n"
    )
    task = parse("task 1", text).one()
    assert task.task_struct == {"state": 0, "usage": {"counter": 2}}
    assert task.thread_info == {"cpu": 1}


def test_members() -> None:
    text = (
        f"{INIT}  se.on_rq = 1,\n  pids[2] =   {{\n  node = {{\n    next = 0x0\n  }},\n  pid = 0x10\n}}\n"
        "  groups = {504, 8,\n    0, 0},\n    randomized = 7,\n\n"
    )
    task = parse("task -R se.on_rq,pids[2],groups,randomized", text).one()
    assert task.members == {
        "se.on_rq": 1,
        "pids[2]": {"node": {"next": 0}, "pid": 16},
        "groups": [504, 8, 0, 0],
        "randomized": 7,
    }
    assert isinstance(parse("task pid 1", f"{INIT}  pid = 1,\n\n").one(), TaskMembers)


def test_a_member_that_there_isnt() -> None:
    bad = "task: state: not a task_struct or thread_info member\n"
    answer = parse("task -R state,pid", f"{INIT}{bad}  pid = 1,\n\n")
    assert answer.one().members == {"pid": 1}
    assert not answer.complete
    with pytest.raises(ParseError):
        parse("task -R state", f"{INIT}{bad}\n")


COMM = '  comm = "init",\n'
FLAGS = "  flags = 4194560,\n  flags = 2,\n"


@pytest.mark.parametrize(
    ("asked", "text", "members"),
    [
        ("comm,comm", COMM * 2, {"comm": "init"}),
        ("comm -R comm", COMM * 2, {"comm": "init"}),
        ("pid,comm,pid", f"  pid = 1,\n{COMM}  pid = 1,\n", {"pid": 1, "comm": "init"}),
        ("flags,flags", FLAGS * 2, {"flags": 4194560, "thread_info.flags": 2}),
        (
            "flags,pid,flags",
            f"{FLAGS}  pid = 1,\n{FLAGS}",
            {"flags": 4194560, "thread_info.flags": 2, "pid": 1},
        ),
        (
            "flags,thread_info.flags",
            f"{FLAGS}  thread_info.flags = 2,\n",
            {"flags": 4194560, "thread_info.flags": 2},
        ),
        ("thread_info.flags", "  thread_info.flags = 2,\n", {"thread_info.flags": 2}),
        ("cpu,cpu", "  cpu = 0\n  cpu = 0\n", {"cpu": 0}),
    ],
)
def test_members_that_are_asked_for_twice(asked: str, text: str, members: dict[str, object]) -> None:
    """As crash 9.0.2 prints them for a kernel 6.1; they were refused."""
    answer = parse(f"task -R {asked} 1", f"{INIT}{text}\n")
    assert answer.one().members == members
    assert answer.complete


PID = "  pid = 1,\n"


@pytest.mark.parametrize(
    ("line", "text", "members"),
    [
        ("task -R comm pid 1", COMM + PID, {"comm": "init", "pid": 1}),
        ("task comm -R pid 1", COMM + PID, {"comm": "init", "pid": 1}),
        ("task comm,pid 1", COMM + PID, {"comm": "init", "pid": 1}),
        ('task -R "comm, pid" 1', COMM + PID, {"comm": "init", "pid": 1}),
        ("task -R comm,pid 1 | grep -v pid", COMM, {"comm": "init"}),
        ("foreach -R comm task -x", COMM, {"comm": "init"}),
        ("foreach -R files task", "  files = 0x0,\n", {"files": 0}),
        ("foreach task -R comm pid", COMM, {"comm": "init"}),
    ],
)
def test_where_members_are_named(line: str, text: str, members: dict[str, object]) -> None:
    """crash takes arguments that are no number for members, too, and foreach -R before its command."""
    answer = parse(line, f"{INIT}{text}\n")
    assert answer.one().members == members
    assert answer.complete


@pytest.mark.parametrize(
    ("line", "text"), [("foreach -R comm,pid task -x", COMM), ("task -R comm pid 1", COMM)]
)
def test_members_that_are_missing_wherever_they_are_named(line: str, text: str) -> None:
    assert not parse(line, f"{INIT}{text}\n").complete


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("comm", COMM * 2),
        ("comm,comm", COMM * 3),
        ("pid", COMM),
        ("flags,flags", f"{FLAGS}  flags = 4194560,\n"),
        ("flags,pid", f"{FLAGS}{FLAGS}  pid = 1,\n"),
    ],
)
def test_members_that_were_not_asked_for(asked: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(f"task -R {asked} 1", f"{INIT}{text}\n")
    assert not parse(f"task -R {asked} 1", f"{INIT}{text}\n", lenient=True).complete


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("comm,comm", COMM),
        ("pid,comm", COMM),
        ("comm,comm", COMM + COMM.replace("init", "exec")),
    ],
)
def test_members_that_are_missing_or_differ_are_marked(asked: str, text: str) -> None:
    assert not parse(f"task -R {asked} 1", f"{INIT}{text}\n").complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        "task: invalid task or pid value: 9\n",
        f"{INIT}\n",
        f"{INIT}struct task_struct {{\n  state = 0\n",
        f"{INIT}struct task_struct {{\n  state = 0\n}}\nstruct task_struct {{\n  state = 0\n}}\n",
        f"{INIT}struct task_struct {{\n  state = 0\n}} x\n",
        f"{INIT}struct mm_struct {{\n  state = 0\n}}\n",
        f"{INIT}" + "{" * 100_000,
    ],
)
def test_refused(text: str) -> None:
    """What is cut, doubled or no structure of a task."""
    try:
        answer = parse("task", text)
    except ParseError:
        return
    assert not answer.complete


@each("task", "task_-R_pid,comm_pid")
def test_members_agree_with_the_header(case: Path) -> None:
    for task in parse(*output(case)):
        assert task.members["pid"] == task.pid
        assert task.members["comm"] == task.comm
