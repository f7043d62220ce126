"""container_of: from a list's node to its structure."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = readSU("struct task_struct", sym2addr("init_task"))
node = task.tasks.next
found = container_of(node, "struct task_struct", "tasks")
show(
    [
        found.pid,
        found.comm,
        int(found),
        int(container_of(int(node), "struct task_struct", "tasks")) == int(found),
    ]
)
