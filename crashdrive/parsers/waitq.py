"""``waitq``: the tasks that wait in a queue.

Source in crash: ``cmd_waitq()``, ``dump_waitq()`` (kernel.c).

As crash prints it::

    crash> waitq ffffffffae2d2350
    PID: 7      TASK: ffff8c3b02904180  CPU: 0    COMMAND: "bash"
    PID: 8      TASK: ffff8c3b02906240  CPU: 1    COMMAND: "sh"
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape
from crashdrive.parsers.grammar.tasks import TaskHeader


def _tasks() -> g.ParserElement:
    """A line for each task, or one that says that the queue is empty::

    PID: 7      TASK: c5496000          CPU: 0    COMMAND: "bash"
    PID: 8      TASK: c5498000          CPU: 1    COMMAND: "sh"

    wait queue "log_wait" (ffffffffae2d2350) is empty
    """
    queue = r'(?:"[^"\n]{1,300}+" \([0-9a-f]{1,16}+\)|[0-9a-f]{1,16}+)'
    empty = g.Row(f" *+wait queue {queue} is empty", lambda row: row[0], "wait queue ... is empty")
    return g.Gap() + (g.Suppress(empty) | g.Rows(g.task_header()))


SHAPES = (
    Shape(
        name="tasks", record=TaskHeader, grammar=_tasks, options="symbol | struct.member address | address"
    ),
)
EXAMPLES = ("waitq log_wait", "waitq {sym:log_wait}", "waitq no_such_symbol")
