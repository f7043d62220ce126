"""``runq -g``: the run queues by task groups. Source in crash: ``dump_tasks_by_task_group()`` (task.c)."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from crashdrive.parsers import grammar as g
from crashdrive.parsers._runq_lines import NOTHING, QUEUED, QueuedTask, current_line, queued
from crashdrive.parsers.grammar.tasks import HEX, TaskHeader
from crashdrive.records import Address, Record


class TaskGroup(Record, frozen=True, kw_only=True):
    """A task group on a CPU (``-g``), with the tasks directly in it.

    ``root``: this is the root group; ``parent``: address of the group around this one. ``cfs_rq`` or
    ``rt_rq``: the address of the group's queue. ``priority``: of a group within a real-time queue.
    """

    task_group: Address
    root: bool = False
    parent: Address | None = None
    cfs_rq: Address | None = None
    rt_rq: Address | None = None
    name: str | None = None
    throttled: bool = False
    priority: int | None = None
    tasks: tuple[QueuedTask, ...] = ()


class GroupedRunQueue(Record, frozen=True, kw_only=True):
    """A CPU's run queue by task groups (``-g``), in crash's order."""

    cpu: int
    offline: bool = False
    current: TaskHeader | None = None
    current_address: Address | None = None
    groups: tuple[TaskGroup, ...] = ()


def groups() -> g.ParserElement:
    """Groups and their tasks; indentation says to which group each belongs. Tasks of a group may stand below
    a nested group::

    CPU 3
      CURRENT: PID: 2948   TASK: ffff88022af2a100  COMMAND: "bash"
      ROOT_TASK_GROUP: ffffffff81e1a780  CFS_RQ: ffff880028216028
         [120] PID: 2948   TASK: ffff88022af2a100  COMMAND: "bash" [CURRENT]
         TASK_GROUP: ffff88012b880800  CFS_RQ: ffff88012c5d1000  <libvirt> (THROTTLED)
            [no tasks queued]
    """
    group = (
        r"(?P<indent> *+)(?:\[ *+(?P<priority>-?\d{1,4})\] )?"
        rf"(?P<root>ROOT_|INIT_)?TASK_GROUP: (?P<group>{HEX}) +"
        rf"(?P<kind>CFS_RQ|RT_RQ): (?P<at>{HEX}) *(?:<(?P<name>[^\n]{{0,256}})>)?"
        r"(?P<throttled> *\(THROTTLED\))?"
    )

    def same(found: re.Match[str]) -> re.Match[str]:
        return found

    return g.Blocks(
        g.Row(r" *+CPU (?P<cpu>\d{1,6})(?P<offline> \[OFFLINE\])?", same, "a CPU"),
        current_line(),
        g.Row(group, same, "a task group: TASK_GROUP CFS_RQ"),
        g.Row(QUEUED, same, "a task of a group: [PRIORITY] PID TASK COMMAND"),
        g.Row(r"(?P<indent> *+)\[no tasks queued\]", same, NOTHING),
        make=_run_queue,
    )


def _run_queue(
    text: g.Text, place: int, head: re.Match[str], below: list[Any]
) -> tuple[int, GroupedRunQueue]:
    current = below.pop(0) if below and not isinstance(below[0], re.Match) else None
    if current is None and not head["offline"]:
        current_line().miss(text, head.end())
    queue = GroupedRunQueue(
        cpu=int(head["cpu"]),
        offline=head["offline"] is not None,
        current=current if isinstance(current, TaskHeader) else None,
        current_address=current if isinstance(current, int) else None,
        groups=_groups(text, below),
    )
    return place, queue


def _groups(text: g.Text, below: list[Any]) -> tuple[TaskGroup, ...]:
    groups: list[dict[str, Any]] = []
    around: list[tuple[int, dict[str, Any]]] = []
    for found in below:
        if not isinstance(found, re.Match):
            raise_twice(text)
        named = found.groupdict()
        indent = len(named["indent"])
        while around and around[-1][0] >= indent:
            around.pop()
        if "group" in named:
            if bool(around) == bool(named["root"]):
                g.Line("a task group of a group: TASK_GROUP CFS_RQ").miss(text, found.start())
            groups.append(_group(found, around[-1][1]["task_group"] if around else None))
            around.append((indent, groups[-1]))
        elif not around:
            g.Line("the task group: ROOT_TASK_GROUP").miss(text, found.start())
        elif "task" in named:
            around[-1][1]["tasks"].append(queued(found))
    return tuple(TaskGroup(**{**values, "tasks": tuple(values["tasks"])}) for values in groups)


def raise_twice(text: g.Text) -> NoReturn:
    """Fail: a CPU's running task stands in another place than at its top."""
    current_line().miss(text, 0, "a CPU's running task doesn't stand at its top")


def _group(found: re.Match[str], parent: int | None) -> dict[str, Any]:
    return {
        "task_group": int(found["group"], 16),
        "root": found["root"] is not None,
        "parent": parent,
        found["kind"].lower(): int(found["at"], 16),
        "name": found["name"],
        "throttled": found["throttled"] is not None,
        "priority": int(found["priority"]) if found["priority"] else None,
        "tasks": [],
    }
