"""The line that introduces a task: ``PID: 1  TASK: ffff...  CPU: 0  COMMAND: "init"``.

Source in crash: ``print_task_header()`` (task.c); ``runq`` prints it without the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashdrive.parsers.base import Source
from crashdrive.records import Address, Record

# comm has at most 15 bytes, crash keeps 16. Bytes that are no UTF-8 arrive as \xNN. A name may hold quotes
# and newlines; being that short it can't hold a whole row or header of its own.
COMM = r"(?:\\x[0-9a-f]{2}|[^\n]|\n){0,16}?"
HEX = r"[0-9a-f]{1,16}"
# The command's name is the last thing in the line, or only a mark (" [CURRENT]") follows.
TASK = (
    rf"PID:[ ]+(?P<pid>\d{{1,10}}|\?)[ ]+TASK:[ ]+(?P<task>{HEX})[ ]+"
    rf'(?:CPU:[ ]+(?P<cpu>\d{{1,6}}|\?)[ ]+)?COMMAND:[ ]+(?:"(?P<comm>{COMM})"|\?)'
)
HEADER = re.compile(rf"^(?P<indent> *){TASK}[ ]*$", re.MULTILINE)


class TaskHeader(Record, frozen=True, kw_only=True):
    """A task as crash names it above its data: pid, task_struct's address, CPU, command name.

    ``pid``, ``cpu`` and ``comm`` are None where crash doesn't know them (``?``) or doesn't print them.
    """

    pid: int | None = None
    task: Address
    cpu: int | None = None
    comm: str | None = None


def header_of(match: re.Match[str]) -> TaskHeader:
    """The task of a match of an expression that holds `TASK`."""
    pid, task, cpu, comm = match.group("pid", "task", "cpu", "comm")
    return TaskHeader(pid=known(pid), task=int(task, 16), cpu=known(cpu), comm=comm)


def known(text: str | None) -> int | None:
    """A decimal number; None for ``?``."""
    return None if text is None or text == "?" else int(text)


def split_blocks(source: Source) -> Iterator[tuple[re.Match[str], int, int]]:
    """(header's match, start, end) of each task's block; a block starts at its header.

    Only headers that are indented like the first one (as a rule, not at all) start a block; text before the
    first one is rejected unless crash itself speaks there.
    """
    from crashdrive.parsers.grammar.rows import lines_of, skip_or_reject

    heads = list(HEADER.finditer(source.text))
    heads = [found for found in heads if found["indent"] == heads[0]["indent"]]
    first = heads[0].start() if heads else len(source.text)
    for offset, line in lines_of(source.text, 0, first):
        skip_or_reject(source, offset, line, "no task's header line")
    for head, following in zip(heads, [*heads[1:], None], strict=bool(heads)):
        yield head, head.start(), following.start() if following else len(source.text)


def read_tasks(source: Source) -> list[TaskHeader]:
    """Tasks one below the other, nothing between them. One that is indented belongs to another command."""
    from crashdrive.parsers.grammar.rows import demand_records, parse_rows

    def task(row: re.Match[str]) -> TaskHeader:
        if row["indent"] != indent:
            source.fail(row.start(), "a task that is indented")
        return header_of(row)

    first = HEADER.search(source.text)
    indent = first["indent"] if first else ""
    return demand_records(source, parse_rows(source, HEADER, task))
