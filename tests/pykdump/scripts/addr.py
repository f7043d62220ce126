"""Addr: of a structure, of a member, of text."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = readSU("struct task_struct", sym2addr("init_task"))
caught = []
for bad in (5, "text", None):
    try:
        Addr(bad)
    except TypeError:
        caught.append(repr(bad))
show([Addr(task), Addr(task, "comm") - Addr(task), Addr(task.comm) - Addr(task), caught])
