"""``task``: a task's task_struct and thread_info, or some of their members.

Source in crash: ``do_task()``, ``task_struct_member()`` (task.c).

As crash prints it::

    crash> task -R pid,comm 876
    PID: 876      TASK: ffff8c3b1f024180  CPU: 1    COMMAND: "finish"
      pid = 876,
      comm = "finish",
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from crashdrive.commandline import shell_part
from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.speech import is_message
from crashdrive.parsers.grammar.tasks import TaskHeader


class TaskStruct(TaskHeader, frozen=True, kw_only=True):
    """A task's structures by member name; values as in `crashdrive.parsers.grammar.values`.

    ``thread_info`` is None on kernels that keep it inside of the task_struct.
    """

    task_struct: dict[str, Any]
    thread_info: dict[str, Any] | None = None


class TaskMembers(TaskHeader, frozen=True, kw_only=True):
    """Members that were asked for, by the path that was asked for (``se.on_rq``, ``pids[2]``).

    ``cpu`` and ``flags`` of the thread_info are ``thread_info.cpu`` and ``thread_info.flags``, where the
    task_struct has them, too. What was asked for twice is there once.
    """

    members: dict[str, Any]


_MEMBER = expression(r" {1,4}[A-Za-z_][\w.]{0,200}+(?:\[\d{1,9}\][\w.]{0,100}+){0,9} = ", re.ASCII)
# What crash takes for a task or PID; it separates names by commas and, in quotes, by blanks.
_NUMBER = expression(r"(?:0x)?[0-9a-fA-F]{1,16}", re.ASCII)
_SEPARATORS = expression(r"[,\s]+")
# The structure by the name that crash prints; kernels before 2.6 have both in one union.
_NAMES = {
    "task_struct": "task_struct",
    "thread_info": "thread_info",
    "task_union": "task_struct",
    "thread_union": "task_struct",
}
# Members of both, the task_struct and the thread_info: crash prints the task_struct's, and the thread_info's
# directly behind it. cpu is one of them on RISC-V before Linux 5.16 (bcf9033e5449).
_IN_BOTH = frozenset({"cpu", "flags"})


def _structures() -> g.ParserElement:
    """Each task's structures::

    PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"
    struct task_struct {
      thread_info = {
        flags = 0,
      ...
    }
    """
    head = g.task_header()
    structures = g.Many(
        g.Structure("a structure of a task: struct task_struct {...}"), until=head, resume=head, first=True
    )
    return g.Many(g.made(head + structures, _structures_of).set_name(head.name), resume=head)


def _structures_of(text: g.Text, place: int, found: list[Any]) -> TaskStruct | list[TaskStruct]:
    task, *structures = found
    values: dict[str, Any] = {}
    for type_, members in structures:
        name = _NAMES.get(type_)
        if name is None or name in values:
            text.misfit(place, f"{type_} is no structure of a task" if name is None else f"a second {name}")
        else:
            values[name] = members
    if "task_struct" not in values:
        text.misfit(place, "a task without its task_struct")
        return []
    return TaskStruct(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, **values)


def _members() -> g.ParserElement:
    """Each task's members that were asked for::

    PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"
      pid = 1,
      comm = "init",
    """
    head = g.task_header()
    members = g.Many(
        g.Members("a member of a task: NAME = VALUE"), until=head, resume=head, first=True, least=0
    )
    return g.Many(g.made(head + members, _members_of).set_name(head.name), resume=head)


def _members_of(text: g.Text, place: int, found: list[Any]) -> TaskMembers:
    """A task's members. One that was asked for twice stands twice; any other that does is refused, and so is
    one that wasn't asked for.
    """
    task, *several = found
    command, foreach = text.source.command, text.source.many_tasks
    asked = _asked(command.words, () if foreach else command.arguments)
    lines = [item for some in several for item in some.items()]
    members: dict[str, Any] = {}
    times: Counter[str] = Counter()
    for path, value in _paths(lines, asked):
        times[path] += 1
        if times[path] > _most(path, asked):
            text.misfit(place, f"{path} stands twice")
        elif members.setdefault(path, value) != value:
            reason = f"{path} stands twice, with another value"
            text.note(place, "partial", reason, incomplete=True, late=True)
    unasked = [path for path in members if not {path, path.removeprefix("thread_info.")} & asked.keys()]
    for path in unasked if asked else ():
        text.misfit(place, f"{path} wasn't asked for")
        del members[path]
    if not text.remarks_since(place):
        # of what a filter left out nothing is known
        whole = shell_part(command.text) is None
        missing = [path for path in asked if whole and times[path] < asked[path]]
        reason = f"no value of {', '.join(missing)}" if missing else "crash said nothing of a task's members"
        if missing or not members:
            text.note(place, "partial", reason, incomplete=True, late=True)
    return TaskMembers(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, members=members)


@functools.lru_cache(maxsize=64)
def _asked(words: tuple[str, ...], arguments: tuple[str, ...]) -> Counter[str]:
    """How often each member was asked for: by ``-R``, or by an argument that is no number."""
    given = [word for word in arguments if not _NUMBER.fullmatch(word)]
    given += [
        behind or following
        for word, following in itertools.pairwise((*_before_shell(words), ""))
        if word.startswith("-")
        for _, option, behind in (word.partition("R"),)
        if option
    ]
    return Counter(name for names in given for name in _SEPARATORS.split(names.strip("\"'")) if name)


def _before_shell(words: tuple[str, ...]) -> Iterator[str]:
    return itertools.takewhile(lambda word: word not in {"|", "!", ">", ">>"}, words)


def _paths(lines: list[tuple[str, Any]], asked: Counter[str]) -> Iterator[tuple[str, Any]]:
    """(path, value) of each line. A name of both structures that stands twice for each time that it was asked
    for is the task_struct's, and directly behind it the thread_info's, whatever its value: both flags of a
    task under a debugger are 0.
    """
    count = Counter(name for name, _ in lines)
    before = None
    for name, value in lines:
        both = name in _IN_BOTH and count[name] == 2 * max(1, asked[name])
        path = f"thread_info.{name}" if both and before == name else name
        yield path, value
        before = path


def _most(path: str, asked: Counter[str]) -> int:
    """How often a member may stand there."""
    return max(1, asked[path] + asked[path.removeprefix("thread_info.")] * path.startswith("thread_info."))


def _check_members(source: Source, found: list[TaskMembers]) -> list[TaskMembers]:
    """The tasks. Members that crash doesn't know are notices; where no task has any member, ParseError."""
    refused = any(notice.kind == "error" for notice in source.warnings)
    if refused and not any(record.members for record in found):
        found = []
    return demand_records(source, found)


def _has_members(source: Source) -> bool:
    """Whether members were asked for: by ``-R``, or by a name in its place; then no structure stands below
    the header.
    """
    return source.command.has("R") or (
        "\nstruct task_struct {" not in f"\n{source.text}" and _is_block(source)
    )


def _is_block(source: Source) -> bool:
    lines = source.text.split("\n", 2)
    return len(lines) > 1 and (_MEMBER.match(lines[1]) is not None or is_message(source, lines[1]))


SHAPES = (
    Shape(
        name="members",
        record=TaskMembers,
        grammar=_members,
        finish=_check_members,
        options="-R members",
        when=_has_members,
    ),
    Shape(name="structures", record=TaskStruct, grammar=_structures, options="(none) -x -d"),
)
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
