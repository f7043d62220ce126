"""``net -S``: open sockets with their structures. Source in crash: ``dump_sockets()`` (net.c)."""

from __future__ import annotations

from typing import Any, TypeVar

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.asked import OfTask, Told, check_asked
from crashdrive.parsers.grammar.columns import GAP
from crashdrive.parsers.grammar.structures import Structure, structure
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


def structures() -> g.ParserElement:
    """A header and a row for each socket, its structures below them::

    PID: 2517   TASK: c1598000  CPU: 1   COMMAND: "rlogin"
    FD   SOCKET     SOCK
     3  c57375dc  c1ff1850

    struct socket {
      state = SS_CONNECTED,
    }
    struct sock {
    """
    header = g.Row("FD +SOCKET +SOCK", lambda _: True, "the header FD SOCKET SOCK")
    row = g.Row(
        rf" *+(\d{{1,9}}){GAP}([0-9a-f]{{1,16}}){GAP}([0-9a-f]{{1,16}})",
        lambda row: row,
        "a row FD SOCKET SOCK",
    )
    socket = g.block(header, row + g.Many(structure(), until=g.Anything(), least=0), _socket)
    none = g.Row(r"No open sockets\.", lambda _: _NONE, "that there are no open sockets")
    unable = g.Remark("unable to display inet_sock structure", "error")
    return g.Blocks(g.task_header(), socket, none, make=_task, between=g.noise(unable))


_NONE = "No open sockets"
T = TypeVar("T", bound=OfTask)


def _socket(_header: bool, below: tuple[Any, ...]) -> SocketStructures:  # noqa: FBT001 # the header's value
    row, *found = below
    return SocketStructures(
        fd=int(row[1]), socket=int(row[2], 16), sock=int(row[3], 16), structures=tuple(found)
    )


def _task(
    text: g.Text, place: int, task: TaskHeader, below: list[Any]
) -> tuple[int, Told[TaskSocketStructures]]:
    sockets = tuple(one for one in below if one is not _NONE)
    found = TaskSocketStructures(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, sockets=sockets)
    return place, Told(found, told=bool(below) or text.marked_since(place))


def check_sockets(source: Source, found: list[tuple[int, Told[T]]]) -> list[T]:
    """The tasks, which must have been asked for. With ``-R`` there may be none: crash leaves out tasks
    without that socket.
    """
    tasks = check_asked(source, found)
    for _ in (task for task in tasks if not task.told):
        source.note("partial", "crash said nothing of a task's sockets", incomplete=True)
    shown = [task.found for task in tasks]
    return shown if source.command.has("R") else demand_records(source, shown, "no task's header line")
