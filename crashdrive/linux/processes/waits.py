"""Wait channels of tasks, as in /proc/PID/wchan, by their stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crashdrive.linux.sched.stacks import read_stacks
from crashdrive.linux.survey import Survey
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.processes.rows import TaskRow


def with_wait_channels(survey: Survey, rows: Sequence[TaskRow]) -> Iterator[TaskRow]:
    """The rows with ``wait_channel`` filled in; a channel that can't be found is noted. x86-64."""
    # the youngest frames are enough: a stack whose end is lost misses nothing here
    own = Survey(survey.kernel)
    found = {stack.task: stack for stack in read_stacks(own, tasks=[row.task for row in rows])}
    lost = [
        stack
        for stack in found.values()
        if not stack.complete and stack.wait_channel is None and not stack.running and stack.state != "RU"
    ]
    if lost:
        message = f"wait channels: {len(lost)} can't be found, first that of pid {lost[0].pid}"
        survey.miss([Notice(kind="lost", message=f"{message} ({lost[0].reason})")])
    for row in rows:
        stack = found.get(row.task)
        yield msgspec.structs.replace(row, wait_channel=None if stack is None else stack.wait_channel)
