"""The line that introduces a task: ``PID: 1  TASK: ffff...  CPU: 0  COMMAND: "init"``.

Source in crash: ``print_task_header()`` (task.c); ``runq`` prints it without the CPU.
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.records import Address, Record

# comm has at most 15 bytes, crash keeps 16. Bytes that are no UTF-8 arrive as \xNN. A name may hold quotes
# and newlines, but is too short for a whole row or header. The first alternative is for names without these:
# nearly all.
COMM = r'(?:[^"\\\n]{0,16}+(?=")|(?:\\x[0-9a-f]{2}|[^\n]|\n){0,16}?)'
HEX = r"[0-9a-f]{1,16}"
# The command's name ends the line, or only a mark (" [CURRENT]") follows.
TASK = (
    rf"PID:[ ]+(?P<pid>\d{{1,10}}|\?)[ ]+TASK:[ ]+(?P<task>{HEX})[ ]+"
    rf'(?:CPU:[ ]+(?P<cpu>\d{{1,6}}|\?)[ ]+)?COMMAND:[ ]+(?:"(?P<comm>{COMM})"|\?)'
)
HEADER = expression(rf"^(?P<indent> *){TASK}[ ]*$", re.MULTILINE | re.ASCII)


class TaskHeader(Record, frozen=True, kw_only=True):
    """A task as crash introduces it: pid, task_struct's address, CPU, command name.

    ``pid``, ``cpu`` and ``comm`` are None where crash doesn't know them (``?``) or doesn't print them.
    """

    pid: int | None = None
    task: Address
    cpu: int | None = None
    comm: str | None = None


def header_of(match: re.Match[str]) -> TaskHeader:
    """The task in a match whose expression holds `TASK`."""
    pid, task, cpu, comm = match.group("pid", "task", "cpu", "comm")
    # `known`, written out: many outputs consist of such lines
    return TaskHeader(
        pid=None if pid == "?" else int(pid),
        task=int(task, 16),
        cpu=None if cpu is None or cpu == "?" else int(cpu),
        comm=comm,
    )


def known(text: str | None) -> int | None:
    """A decimal number; None for ``?``."""
    return None if text is None or text == "?" else int(text)
