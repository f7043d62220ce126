"""Pointer arithmetic, castTo, hasField, isNamed, Eval, comparisons."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = readSU("struct task_struct", sym2addr("init_task"))
node = task.tasks
show(
    [
        int(node + 1) - int(node),
        int(node[2]) - int(node),
        node == int(node),
        node.castTo("struct hlist_node").isNamed("struct hlist_node"),
        task.hasField("comm"),
        task.hasField("no_such"),
        task.Eval("parent.comm"),
        task.fieldOffset("comm"),
        str(node.shortStr())[:11],
        node in {int(node)},
        bool(readSU("struct list_head", 0)),
        str(task).startswith("<struct task_struct 0x"),
    ]
)
try:
    task.no_such
except KeyError as error:
    show(str(error))
