"""member_offset: of members, of nested ones, of nameless structures; -1 for none."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(
    [
        member_offset("struct task_struct", name)
        for name in ("pid", "tasks", "tasks.prev", "comm", "se.exec_start", "no_such", "mm.pgd")
    ]
    + [
        member_offset("struct page", "lru"),
        member_offset("struct nosuch", "x"),
        member_offset("union ktime", "x"),
    ]
)
