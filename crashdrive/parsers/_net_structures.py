"""``net -S``: open sockets with their structures. Source in crash: ``dump_sockets()`` (net.c)."""

from __future__ import annotations

import re
from functools import partial

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.asked import asked_blocks
from crashdrive.parsers.grammar.columns import GAP, note_error
from crashdrive.parsers.grammar.cursor import Cursor
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.parsers.grammar.structures import Structure, read_structures
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Record


class SocketStructures(Record, frozen=True):
    """An open socket of a task, with the contents of its structures."""

    fd: int
    socket: Address
    sock: Address
    structures: tuple[Structure, ...]


class TaskSocketStructures(Record, frozen=True):
    """A task and its open sockets, with the contents of their structures."""

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    sockets: tuple[SocketStructures, ...]


def parse_structures(source: Source) -> list[TaskSocketStructures]:
    read = [
        Cursor(source, start, stop).attempt(partial(_task_structures, source, task, start, stop))
        for task, start, stop in asked_blocks(source)
    ]
    tasks = [task for task in read if task is not None]
    return tasks if source.command.has("R") else demand_records(source, tasks, "no task's header line")


_FD_TITLES = re.compile(r"FD +SOCKET +SOCK *")
_FD = re.compile(rf" *+(\d{{1,9}}){GAP}([0-9a-f]{{1,16}}){GAP}([0-9a-f]{{1,16}}) *")


def _task_structures(source: Source, task: TaskHeader, start: int, stop: int) -> TaskSocketStructures:
    sockets: list[SocketStructures] = []
    cursor = Cursor(source, start, stop)
    if cursor.line == "No open sockets.":
        cursor.advance()
    elif not cursor.skip_blank():
        source.note("partial", "crash said nothing of a task's sockets", incomplete=True)
    while cursor.skip_blank():
        if not cursor.match(_FD_TITLES):
            _beside_structures(cursor)
            continue
        row = cursor.match(_FD) or source.fail(cursor.offset, "no row FD SOCKET SOCK")
        structures, end = read_structures(source, cursor.offset, stop)
        sockets.append(
            SocketStructures(
                fd=int(row[1]), socket=int(row[2], 16), sock=int(row[3], 16), structures=tuple(structures)
            )
        )
        cursor = Cursor(source, end, stop)
    return TaskSocketStructures(
        pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, sockets=tuple(sockets)
    )


def _beside_structures(cursor: Cursor) -> None:
    if cursor.line == "unable to display inet_sock structure":
        note_error(cursor.source, *cursor.take())
    else:
        cursor.skip_or_reject("no header FD SOCKET SOCK")
