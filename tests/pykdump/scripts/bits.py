"""Bit-fields, booleans and enumerations: signed and unsigned."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = readSU("struct task_struct", sym2addr("init_task"))
init = [t for t in readSUListFromHead("init_task", "tasks", "struct task_struct") if t.pid == 1][0]
show(
    [
        task.sched_reset_on_fork,
        init.in_execve,
        init.sched_contributes_to_load,
        init.no_cgroup_migration,
        int(readSymbol("system_state")),
        repr(readSymbol("system_state")),
        readSymbol("system_state") >= 0,
    ]
)
