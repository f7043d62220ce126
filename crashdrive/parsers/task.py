"""``task``: a task's task_struct and thread_info, or some of their members.

Source in crash: ``do_task()``, ``task_struct_member()`` (task.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import is_elided
from crashdrive.parsers.grammar.rows import demand_records, is_message, take_message
from crashdrive.parsers.grammar.tasks import TaskHeader, header_of, split_blocks
from crashdrive.parsers.grammar.values import ValueReader


class TaskStruct(TaskHeader, frozen=True, kw_only=True):
    """A task's structures by member name; values as in `crashdrive.parsers.grammar.values`.

    ``thread_info`` is None on kernels that keep it inside of the task_struct.
    """

    task_struct: dict[str, Any]
    thread_info: dict[str, Any] | None = None


class TaskMembers(TaskHeader, frozen=True, kw_only=True):
    """Members that were asked for, by the path that was asked for (``se.on_rq``, ``pids[2]``).

    Where the thread_info has a member of that name too, its value stands as ``thread_info.flags``.
    """

    members: dict[str, Any]


OPTSTRING = "xdhR:"
EXAMPLES = (
    *("task", "task {pid}", "task -x {pid}", "task -R pid,comm {pid}", "task -R se.on_rq {pid}"),
    *(
        "task -R cpus_mask,comm,se {pid}",
        "task -R thread {pid}",
        "task -R no_such_member {pid}",
        "task 999999",
    ),
    *("task -d {pid}", "task -R flags -x {pid}"),
)

_STRUCTURE = re.compile(r"struct (task_struct|thread_info) (?=\{)|union (task_union|thread_union) (?=\{)")
_MEMBER = re.compile(r"[ ]{1,4}([A-Za-z_][\w.]{0,200}+(?:\[\d{1,9}\][\w.]{0,100}+){0,9}) = *+", re.ASCII)
# Members of the task_struct and of the thread_info: crash prints both, the task_struct's first.
_IN_BOTH = frozenset({"cpu", "flags"})
_AFTER = re.compile(r",?[ ]*(?:\n|\Z)")


def _parse_structures(source: Source) -> list[TaskStruct]:
    found: list[TaskStruct] = []
    for head, start, end in split_blocks(source):
        structures = _structures(source, head.end() + 1, end)
        if "task_struct" not in structures:
            source.fail(start, "a task without its task_struct")
        task = header_of(head)
        found.append(TaskStruct(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, **structures))
    return demand_records(source, found)


def _structures(source: Source, position: int, end: int) -> dict[str, Any]:
    reader = ValueReader(source)
    found: dict[str, Any] = {}
    while position < end:
        opening = _STRUCTURE.match(source.text, position)
        if opening is None:
            position = _other_line(source, position, end)
            continue
        name = opening[1] or "task_struct"
        if name in found:
            source.fail(position, f"a second {name}")
        found[name], position = reader.value(opening.end())
        position = _line_end(source, position)
    return found


def _line_end(source: Source, position: int) -> int:
    found = _AFTER.match(source.text, position)
    return found.end() if found else source.fail(position, "something behind a value")


def _other_line(source: Source, position: int, end: int) -> int:
    """Past a blank or left-out line, or a message of crash; any other one is an error."""
    newline = source.text.find("\n", position, end)
    newline = end if newline < 0 else newline
    line = source.text[position:newline]
    if line.strip() and not is_elided(source, position, line) and not take_message(source, position, line):
        source.fail(position, "no structure or member of a task")
    return newline + 1


def _parse_members(source: Source) -> list[TaskMembers]:
    found: list[TaskMembers] = []
    for head, _start, end in split_blocks(source):
        members = _members(source, head.end() + 1, end)
        task = header_of(head)
        found.append(TaskMembers(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, members=members))
    if found and source.warnings and not any(record.members for record in found):
        found = []
    return demand_records(source, found)


def _members(source: Source, position: int, end: int) -> dict[str, Any]:
    reader = ValueReader(source)
    found: dict[str, Any] = {}
    while position < end:
        member = _MEMBER.match(source.text, position)
        if member is None:
            position = _other_line(source, position, end)
            continue
        name, start = member[1], position
        value, position = reader.value(member.end())
        # Values that are equal may as well be a line that stands twice.
        if name in _IN_BOTH and found.get(name, value) != value:
            name = f"thread_info.{name}"
        if name in found:
            source.fail(start, f"{name} stands twice")
        found[name] = value
        position = _line_end(source, position)
    return found


def _has_members(source: Source) -> bool:
    """``-R``, or a member's name in its place: then no structure begins the block."""
    return source.command.has("R") or (
        "\nstruct task_struct {" not in f"\n{source.text}" and _is_block(source)
    )


def _is_block(source: Source) -> bool:
    lines = source.text.split("\n", 2)
    return len(lines) > 1 and (_MEMBER.match(lines[1]) is not None or is_message(source, lines[1]))


SHAPES = (
    Shape(name="members", record=TaskMembers, parse=_parse_members, options="-R members", when=_has_members),
    Shape(name="structures", record=TaskStruct, parse=_parse_structures, options="(none) -x -d"),
)
