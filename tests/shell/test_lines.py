"""What a line is."""

from __future__ import annotations

import pytest

from crashdrive.shell.lines import Known, Meant, Sink, meant

KNOWN = Known(
    reports=("netstat", "ps", "files"),
    programs=("epython", "mine"),
    namespace={"crash": 1, "tasks": 1, "ps": 1, "sock": 1},
)


def of(line: str) -> Meant:
    return meant(line, KNOWN)


@pytest.mark.parametrize(
    "line",
    [
        "bt -a",
        "ps",
        "ps -a",
        "p jiffies",
        "p a != b",
        "p (x == y)",
        "struct task_struct.pid 1",
        "task_struct.comm ffff",
        "list task_struct.tasks -s task_struct.pid",
        "sock.sk_state ffff8880",
        "for bt",
        "foreach bt",
        "* list_head 1",
        "set 1",
        "sys",
        "jiffies",
        "dis -l schedule",
        "print_fatal_signals",
        "net -s 1",
        "mod",
        "size task_struct",
    ],
)
def test_commands_of_crash(line: str) -> None:
    assert of(line) == Meant("crash", line)


@pytest.mark.parametrize(
    "line",
    [
        "tasks",
        "tasks[0]",
        "tasks.records",
        "tasks + 1",
        "len(tasks)",
        "crash.ps()",
        "t = crash.ps()",
        "ps = 3",
        "a, b = 1, 2",
        "x.y = 1",
        "x[0] += 1",
        "n: int = 3",
        "for t in tasks:",
        "for t in tasks: print(t)",
        "import sys",
        "from x import y",
        "if tasks:",
        "def f(a):",
        "with open('x') as f:",
        "[t for t in tasks]",
        "(ps)",
        "'text'",
        "3 + 4",
        "-1",
        "print(1)",
        "sorted(tasks, key=len)",
        "@cache",
        "f'{tasks}'",
        "not tasks",
    ],
)
def test_python(line: str) -> None:
    assert of(line) == Meant("python", line)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", Meant("nothing")),
        ("# a comment", Meant("nothing")),
        ("#1 see below, a comment?", Meant("row", "#1 see below, a comment?")),
        ("// as well", Meant("nothing")),
        (">>> ps", Meant("python", "ps")),
        ("q", Meant("end")),
        ("exit", Meant("end")),
        ("netstat -an", Meant("report", "netstat -an")),
        ("report ps --threads", Meant("report", "ps --threads")),
        ("mine 1 | 2", Meant("program", "mine 1 | 2")),
        ("#", Meant("last", "#")),
        ("#3", Meant("row", "#3")),
        ("#3.bt -f", Meant("row", "#3.bt -f")),
        ("#3.bt | head -3", Meant("row", "#3.bt", sink=Sink("|", "head -3"))),
        ("json #3", Meant("row", "#3", "json")),
        ("?", Meant("help")),
        ("? ps", Meant("help", "ps")),
        ("ps?", Meant("help", "ps")),
        ("? ps | head", Meant("help", "ps", sink=Sink("|", "head"))),
        ("!ls -l | wc", Meant("host", "ls -l | wc")),
        ("< lines", Meant("input", "lines")),
        ("format json", Meant("setting", "format json")),
        ("format x", Meant("crash", "format x")),
        ("pager off", Meant("setting", "pager off")),
        ("json ps", Meant("crash", "ps", "json")),
        ("table netstat -a", Meant("report", "netstat -a", "table")),
        ("text json ps", Meant("crash", "ps", "json")),
        ("ps | grep a | wc", Meant("crash", "ps", sink=Sink("|", "grep a | wc"))),
        ("ps|head", Meant("crash", "ps", sink=Sink("|", "head"))),
        ("ps ! head", Meant("crash", "ps", sink=Sink("|", "head"))),
        ("ps > out.txt", Meant("crash", "ps", sink=Sink(">", "out.txt"))),
        ("ps >> out.txt", Meant("crash", "ps", sink=Sink(">>", "out.txt"))),
        ("ps | >>> len(_)", Meant("crash", "ps", sink=Sink(">>>", "len(_)"))),
        ("p (a | b)", Meant("crash", "p (a | b)")),
        ('p "a|b"', Meant("crash", 'p "a|b"')),
    ],
)
def test_others(line: str, what: Meant) -> None:
    assert of(line) == what
