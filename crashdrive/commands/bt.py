"""``bt``: kernel stack traces."""

from __future__ import annotations

from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.bt import Backtrace, SearchedStack, StackOverflow
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def bt(  # noqa: PLR0913 - one keyword per option, none is positional
    crash: Runner,
    *who: int,
    pid: int | None = None,
    task: int | None = None,
    active: bool = False,
    panic: bool = False,
    cpu: int | None = None,
    threads: bool = False,
    offsets: bool = False,
    lines: bool = False,
    data: bool = False,
    timeout: float | None = None,
) -> Answer[Backtrace]:
    """Stack traces: of the tasks ``who`` (pids or addresses of task_structs), of the current context if none.

    ``pid`` and ``task`` name one more. In their place: ``active`` the tasks on all CPUs, ``panic`` the one
    that panicked, ``cpu`` the one on that CPU; ``threads`` adds the whole thread group. ``offsets``: how far
    into its function each frame is; ``lines``: source lines; ``data``: the words of each frame. A task whose
    stack can't be read is a notice, and the answer isn't complete. Source: crash's ``bt``.
    """
    tasks = [*who, *(value for value in (pid, task) if value is not None)]
    command = line(
        "bt",
        *(flag("a", active), flag("p", panic), flag("g", threads)),
        *(flag("s", offsets), flag("l", lines), flag("f", data)),
        f"-c {arguments.number(cpu)}" if cpu is not None else "",
        *map(arguments.task, tasks),
    )
    return call(crash, command, timeout=timeout)


def bt_text(crash: Runner, *who: int, whole_stack: bool = False) -> Answer[Backtrace]:
    """Text addresses on the stack (``bt -t``), with ``whole_stack`` on all of it (``-T``)."""
    return call(crash, line("bt", "-T" if whole_stack else "-t", *map(arguments.task, who)))


def bt_exceptions(crash: Runner, *who: int) -> Answer[Backtrace]:
    """Exception frames found on the stack (``bt -e``), in each record's ``found``."""
    return call(crash, line("bt -e", *map(arguments.task, who)))


def bt_stacks(crash: Runner) -> Answer[SearchedStack]:
    """Exception frames on the IRQ and exception stacks of all CPUs (``bt -E``)."""
    return call(crash, "bt -E")


def bt_overflows(crash: Runner) -> Answer[StackOverflow]:
    """Tasks whose stack looks overrun (``bt -v``); none is a good sign."""
    return call(crash, "bt -v")
