"""LinuxDump.Tasks: processes, threads, states."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


from LinuxDump import Tasks
from LinuxDump.Tasks import TASK_STATE, TaskTable, task_state2str

table = TaskTable()
init = table.getByPid(1)
show(
    [
        len(table.allTasks()),
        len(table.allThreads()),
        init.comm,
        [t.pid for t in table.getByComm("kthreadd")],
        TASK_STATE.TASK_INTERRUPTIBLE,
        task_state2str(0),
        len(Tasks.getRunQueues()),
        sorted(t.pid for t in init.taskChildren()),
        init.hasChildren(),
        len(init.taskFds()),
        init.state,
        Tasks.ms2uptime(90061000),
    ]
)
