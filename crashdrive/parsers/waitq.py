"""``waitq``: the tasks that wait in a queue.

Source in crash: ``cmd_waitq()``, ``dump_waitq()`` (kernel.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.tasks import TaskHeader, read_tasks

OPTSTRING = ""
EXAMPLES = ("waitq log_wait", "waitq {sym:log_wait}", "waitq no_such_symbol")

_EMPTY = re.compile(r'\s*+wait queue (?:"[^"\n]{1,300}" \([0-9a-f]{1,16}\)|[0-9a-f]{1,16}) is empty\s*+')


def _parse(source: Source) -> list[TaskHeader]:
    """Nobody may wait: crash then says so."""
    if _EMPTY.fullmatch(source.text):
        return []
    return read_tasks(source)


SHAPES = (
    Shape(name="tasks", record=TaskHeader, parse=_parse, options="symbol | struct.member address | address"),
)
