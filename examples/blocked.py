"""What hangs: tasks in uninterruptible sleep, those that wait at the same place together.

crashdrive run vmcore examples/blocked.py
"""

from collections import defaultdict

from crashdrive import Crash
from crashdrive.errors import CommandFailedError
from crashdrive.linux.sched.tasks import Task
from crashdrive.reports import Report, Table

# where a task gives up its CPU, which says nothing of why
SWITCHING = {"__schedule", "schedule", "schedule_timeout", "io_schedule", "schedule_preempt_disabled"}


def report(crash: Crash) -> Report:
    waiting = defaultdict(list)
    tasks = crash.kernel.tasks()
    for task in tasks:
        if task.state == "UN":
            waiting[place(crash, task)].append(task)
    rows = [
        {
            "tasks": len(together),
            "where": " < ".join(where),
            "who": ", ".join(f"{task.comm} ({task.pid})" for task in together),
        }
        for where, together in sorted(waiting.items(), key=lambda item: -len(item[1]))
    ]
    return Report(
        report="blocked",
        tables=(Table(name="blocked", rows=rows, columns=("tasks", "where", "who")),),
        complete=tasks.complete,
        warnings=tasks.warnings,
    )


def place(crash: Crash, task: Task) -> tuple[str, ...]:
    """The functions that the task waits in, innermost first."""
    try:
        trace = crash.bt(task=task.task).one()
    except CommandFailedError as error:
        return (f"no stack: {error}",)
    return tuple(frame.function for frame in trace.frames if frame.function not in SWITCHING)[:5]
