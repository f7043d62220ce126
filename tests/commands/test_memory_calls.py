"""Typed calls of types, values and memory: the command line that each sends, and what it refuses to send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crashdrive.commands import command_function
from crashdrive.errors import ArgumentError, UsageError
from crashdrive.session.result import CommandResult

ADDRESS = 0xFFFF888003A54000


class Asked(Exception):  # noqa: N818 - it ends the call, it is no error
    """The command line that was sent."""


class Runner:
    """Tells what it was asked to run."""

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        del timeout
        raise Asked(command)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        del timeout
        raise Asked(*commands)


def sent(name: str, *arguments: Any, **options: Any) -> str:
    with pytest.raises(Asked) as caught:
        command_function(name)(Runner(), *arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: sent("struct", "task_struct"), "* task_struct -o"),
        (lambda: sent("struct", "struct task_struct", members=["pid"]), "* task_struct.pid -o"),
        (lambda: sent("struct", "task_struct", ADDRESS), "* task_struct ffff888003a54000"),
        (
            lambda: sent("struct", "page", ADDRESS, members=["flags", "a.b[2]"], count=4),
            "* page.flags,a.b[2] ffff888003a54000 4",
        ),
        (lambda: sent("struct", "rq", "runqueues", cpus="a"), "* rq runqueues:a"),
        (
            lambda: sent("struct", "task_struct", ADDRESS, embedded="task_struct.tasks", targets=True),
            "* task_struct ffff888003a54000 -p -l task_struct.tasks",
        ),
        (lambda: sent("p", "jiffies"), "p jiffies"),
        (lambda: sent("p", "init_task.comm"), "p (init_task.comm)"),
        (lambda: sent("p", "((struct task_struct *)0x10)->pid"), "p (((struct task_struct *)0x10)->pid)"),
        (lambda: sent("p", "runqueues", cpus="0-3,5"), "p runqueues:0-3,5"),
        (lambda: sent("whatis", "pid_type"), "whatis -o pid_type"),
        (lambda: sent("whatis", "enum pid_type"), "whatis -o enum pid_type"),
        (lambda: sent("whatis", sizes=(8, 16), member="mm_struct"), "whatis -r 8-16 -m mm_struct"),
        (lambda: sent("sym", "jiffies", ADDRESS), "sym jiffies ffff888003a54000"),
        (lambda: sent("sym", containing="pipe"), "sym -q pipe"),
        (lambda: sent("sym", module="virtio_net"), "sym -m virtio_net"),
        (lambda: sent("list", "modules", head=True), "list -o 0 -H modules"),
        (
            lambda: sent("list", ADDRESS, "task_struct.tasks", whole=True, show="task_struct.pid,comm"),
            "list -o task_struct.tasks -S task_struct.pid,comm -h ffff888003a54000",
        ),
        (
            lambda: sent("tree", "root", node="vmap_area.rb_node", show=["vmap_area"], exact=True),
            "tree -t rbtree -o vmap_area.rb_node -s vmap_area root",
        ),
        (lambda: sent("rd", ADDRESS, 8, bits=32), "rd -32 ffff888003a54000 8"),
        (lambda: sent("rd", ADDRESS, symbols=True), "rd -SS ffff888003a54000 1"),
        (lambda: sent("search", 1, 2, where="stacks"), "search -t 1 2"),
        (
            lambda: sent("search", texts=["can not"], start=ADDRESS),
            'search -k -s ffff888003a54000 -c "can not"',
        ),
        (lambda: sent("btop", 1), "btop 1"),
        (lambda: sent("ptob", 1), "ptob 1"),
        (lambda: sent("pte", 0xD8E067), "pte d8e067"),
        (lambda: sent("ptov", 0xB0C0, cpus="a"), "ptov b0c0:a"),
        (lambda: sent("vtop", ADDRESS, task=1), "vtop -c 1 ffff888003a54000"),
        (lambda: sent("dis", "panic", 5, lines=True, part="until"), "dis -l -r panic 5"),
        (lambda: sent("gdb", "list_head"), "gdb ptype/o struct list_head **"),
        (lambda: sent("gdb", "union sigval"), "gdb ptype/o union sigval **"),
        (lambda: sent("eval", "1 + 2", bits=True), "eval -b (1 + 2)"),
        (lambda: sent("set"), "set"),
        (lambda: sent("set", 1), "set 1"),
        (lambda: sent("set", cpu=3), "set -c 3"),
        (lambda: sent("sbitmapq", ADDRESS), "sbitmapq ffff888003a54000"),
        (lambda: sent("ascii", 0x4142), "ascii 4142"),
        (lambda: sent("alias"), "alias"),
        (lambda: sent("help"), "help"),
        (lambda: sent("extend"), "extend"),
    ],
)
def test_what_is_sent(call: Callable[[], str], line: str) -> None:
    assert call() == line


HOSTILE = [
    "x | touch pwned",
    "x > y",
    "x\nq",
    "x\t",
    "!id",
    "x;y",
    "$(id)",
    "`id`",
    "x'",
    'x"',
    "x\0",
    "\u202ex",
    ")(|",
    "a" * 2000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize(
    "call",
    [
        lambda text: sent("struct", text),
        lambda text: sent("struct", "x", text),
        lambda text: sent("struct", "x", members=[text]),
        lambda text: sent("struct", "x", 1, cpus=text),
        lambda text: sent("struct", "x", 1, embedded=text),
        lambda text: sent("p", text),
        lambda text: sent("p", text, cpus="a"),
        lambda text: sent("whatis", text),
        lambda text: sent("whatis", member=text),
        lambda text: sent("sym", text),
        lambda text: sent("sym", containing=text),
        lambda text: sent("sym", module=text),
        lambda text: sent("list", text),
        lambda text: sent("list", 1, text),
        lambda text: sent("list", 1, show=text),
        lambda text: sent("tree", 1, text),
        lambda text: sent("tree", 1, node=text),
        lambda text: sent("rd", text),
        lambda text: sent("search", texts=[text]),
        lambda text: sent("ptov", 1, cpus=text),
        lambda text: sent("dis", text),
        lambda text: sent("gdb", text),
        lambda text: sent("eval", text),
    ],
)
def test_nothing_hostile_is_sent(call: Callable[[str], str], text: str) -> None:
    """Not even within quotes or parentheses, where crash would leave it alone."""
    with pytest.raises(ArgumentError):
        call(text)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sent("whatis"),
        lambda: sent("sym"),
        lambda: sent("search"),
        lambda: sent("search", 1, texts=["x"]),
        lambda: sent("set", 1, panic=True),
        lambda: sent("rd", -1),
        lambda: sent("rd", 1, 0),
        lambda: sent("struct", "x", 1, count=0),
        lambda: sent("dis", "x", part="nowhere"),
        lambda: sent("p", "a)(b"),
        lambda: sent("p", "(a"),
    ],
)
def test_refused(call: Callable[[], str]) -> None:
    with pytest.raises(UsageError):
        call()
