"""Tasks in uninterruptible sleep with their stacks, by drgn: the counterpart of ``../blocked.py``."""

from __future__ import annotations

import sys

from drgn import Program
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_state_to_char

program = Program()
program.set_core_dump(sys.argv[2])
program.load_debug_info([sys.argv[1]])
tasks = [task for task in for_each_task(program) if task_state_to_char(task) == "D"]
for task in sorted(tasks, key=lambda task: task.pid.value_()):
    print(task.pid.value_(), task.comm.string_().decode("utf-8", "backslashreplace"))
    for frame in program.stack_trace(task):
        print(f"        {frame.name}")
print(f"{len(tasks)} in state D")
