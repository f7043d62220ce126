"""What hangs: tasks in uninterruptible sleep, those that wait at the same place together.

crashdrive run vmcore examples/blocked.py
"""

from collections import defaultdict

from crashdrive.errors import CommandFailedError

# where a task gives up its CPU, which says nothing of why
SWITCHING = {"__schedule", "schedule", "schedule_timeout", "io_schedule", "schedule_preempt_disabled"}


def report(crash):
    waiting = defaultdict(list)
    for task in crash.kernel.tasks():
        if task.state == "D":
            waiting[place(crash, task)].append(task)
    return [
        {
            "tasks": len(tasks),
            "where": " < ".join(where),
            "who": ", ".join(f"{task.comm} ({task.pid})" for task in tasks),
        }
        for where, tasks in sorted(waiting.items(), key=lambda item: -len(item[1]))
    ]


def place(crash, task):
    """The functions that the task waits in, innermost first."""
    try:
        trace = crash.bt(task=task.task).one()
    except CommandFailedError as error:
        return (f"no stack: {error}",)
    return tuple(frame.function for frame in trace.frames if frame.function not in SWITCHING)[:5]
