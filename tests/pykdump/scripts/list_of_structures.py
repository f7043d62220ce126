"""readSUListFromHead: all processes, by a variable's name and by a head's address."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


tasks = readSUListFromHead("init_task", "tasks", "struct task_struct")
head = sym2addr("super_blocks")
blocks = readSUListFromHead(head, "s_list", "struct super_block", inchead=False)
show(
    [
        sorted((t.pid, t.comm) for t in tasks),
        [b.s_id for b in blocks],
        len(readSUListFromHead("init_task", "tasks", "struct task_struct", maxel=3, warn=False)),
    ]
)
