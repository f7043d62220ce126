"""Lines that the shapes of ``runq`` share: a CPU, its running task, a task on a queue."""

from __future__ import annotations

import re
from typing import TypeVar

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.tasks import HEX, TASK, TaskHeader, header_of
from crashdrive.records import Record


class QueuedTask(TaskHeader, frozen=True, kw_only=True):
    """A task on a queue; ``priority``: what the queue sorts by; ``current``: crash marks it as running."""

    priority: int | None = None
    current: bool = False


NOTHING = "[no tasks queued]"


def current_line() -> g.Row:
    """``CURRENT: PID: 1 ...``: the running task; of a task that crash doesn't know, the address alone."""

    def current(found: re.Match[str]) -> TaskHeader | int:
        return header_of(found) if found["task"] else int(found["at"], 16)

    return g.Row(rf" *+CURRENT: (?:{TASK}|(?P<at>{HEX}))", current, "the running task: CURRENT")


QUEUED = rf"(?P<indent> *+)(?:\[ *+(?P<priority>-?\d{{1,4}})\] )?{TASK}(?P<current> \[CURRENT\])?"


def queued_line() -> g.Row:
    """``[120] PID: 1 ...`` with `queued`'s task; ``[no tasks queued]`` stands for none: `NOTHING`."""
    nothing = r" *+\[no tasks queued\]"
    return g.Row(
        rf"{nothing}|{QUEUED}",
        lambda found: queued(found) if found["task"] else NOTHING,
        f"a task on a queue: [PRIORITY] PID TASK COMMAND, or {NOTHING}",
    )


def queued(found: re.Match[str]) -> QueuedTask:
    """The queued task in a match whose expression holds one."""
    task = header_of(found)
    priority = found["priority"]
    return QueuedTask(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        priority=None if priority is None else int(priority),
        current=found["current"] is not None,
    )


R = TypeVar("R", bound=Record)


def once(source: Source, found: list[tuple[int, R]]) -> list[R]:
    """The records; a CPU that stands twice is an error. ``found``: (offset in the text, record)."""
    seen: set[int] = set()
    for place, record in found:
        cpu: int = record.cpu  # type: ignore[attr-defined] # all that runq prints is of a CPU
        if cpu in seen:
            source.fail(place, f"CPU {cpu} stands twice")
        seen.add(cpu)
    return demand_records(source, [record for _, record in found])
