"""readSU: the first task's own members."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = readSU("struct task_struct", sym2addr("init_task"))
show([task.comm, task.pid, task.tgid, task.prio, task.static_prio, int(task), len(task), hex(task.flags)])
