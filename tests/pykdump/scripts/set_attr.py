"""structSetAttr and structSetProcAttr: chains that differ between kernels."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


done = [
    structSetAttr("struct task_struct", "State", ["no_such_member", "state", "__state"]),
    structSetAttr("struct task_struct", "Parent", "real_parent.comm"),
    structSetAttr("struct task_struct", "None_", ["a.b", "mm.no_such"]),
    structSetAttr("struct no_such", "X", "y"),
    structSetAttr("struct task_struct", "Itself", ""),
    structSetProcAttr("struct task_struct", "Twice", lambda t: 2 * t.pid),
    structSetProcAttr("struct no_such", "Twice", lambda t: 0),
]
tasks = readSUListFromHead("init_task", "tasks", "struct task_struct")
show([done, sorted((t.pid, t.State, t.Parent, t.Twice, t.Itself == t) for t in tasks)[:20]])
