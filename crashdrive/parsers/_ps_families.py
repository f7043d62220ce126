"""What ``ps`` prints below a task of its family: children (``-c``), threads (``-g``).

Source in crash: ``child_list()``, ``show_tgid_list()`` (task.c).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.tasks import TASK, TaskHeader, header_of


class Children(TaskHeader, frozen=True, kw_only=True):
    """A task and its children (``ps -c``)."""

    children: tuple[TaskHeader, ...]


class ThreadGroup(TaskHeader, frozen=True, kw_only=True):
    """A thread group's leader and its other threads (``ps -g``)."""

    threads: tuple[TaskHeader, ...]


class _Head(NamedTuple):
    """A group's first line, and where it stands."""

    place: int
    task: TaskHeader


class _Family(NamedTuple):
    """A group: its first line, the tasks below, and whether crash said that there are none."""

    head: _Head
    members: tuple[TaskHeader, ...]
    none: bool


def children() -> g.ParserElement:
    """A task, and its children below it::

    PID: 1        TASK: ffff8c3b011fc180  CPU: 1    COMMAND: "init"
      PID: 182      TASK: ffff8c3b02904180  CPU: 1    COMMAND: "connections"

    PID: 182      TASK: ffff8c3b02904180  CPU: 1    COMMAND: "connections"
      (no children)
    """
    return _families("a child", "(no children)")


def thread_groups() -> g.ParserElement:
    """A thread group's leader, and the other threads below it, or ``(no threads)``; as `children`."""
    return _families("a thread", "(no threads)")


def _families(what: str, none: str) -> g.ParserElement:
    members = g.Rows(
        g.task_header(what, indent="[ ]++"),
        also=g.Row(rf"[ ]*+{re.escape(none)}", lambda _: _NONE, f"that it has none: {none}"),
        between=g.noise(blank=False),
        until=g.Blank() | g.task_header(),
        least=0,
    )
    return g.Many(g.block(g.Row(f"( *+){TASK}", _head, "a task's header line"), members, _family))


_NONE = object()


def _head(found: re.Match[str]) -> _Head:
    """A group's first line. An indented one is a member whose group lost its first line: marked."""
    if found[1]:
        message = "a group without its first line"
        g.Text.of(found.string).note(found.start(), "partial", message, incomplete=True)
    return _Head(found.start(), header_of(found))


def _family(head: _Head, below: tuple[object, ...]) -> _Family:
    members = tuple(one for one in below if isinstance(one, TaskHeader))
    return _Family(head, members, none=len(members) < len(below))


def check_children(source: Source, found: list[_Family]) -> list[Children]:
    """Each task with its children."""
    return demand_records(
        source,
        [
            Children(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, children=members)
            for task, members in _told(source, found, "children")
        ],
    )


def check_threads(source: Source, found: list[_Family]) -> list[ThreadGroup]:
    """Each leader with its threads."""
    return demand_records(
        source,
        [
            ThreadGroup(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, threads=members)
            for task, members in _told(source, found, "threads")
        ],
    )


def _told(source: Source, found: list[_Family], what: str) -> list[tuple[TaskHeader, tuple[TaskHeader, ...]]]:
    for head, members, none in found:
        if members and none:
            source.reject(head.place, f"{what}, and (no {what})")
        elif not (members or none):
            line = source.position(head.place)[0]
            source.note("partial", f"crash said nothing of a task's {what}", line=line, incomplete=True)
    return [(head.task, members) for head, members, _ in found]
