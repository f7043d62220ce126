"""Lists that are broken: what was read is kept."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = sym2addr("init_task")
pid = task + member_offset("struct task_struct", "tasks")
bad = readList(sym2addr("linux_banner"))
show([len(bad), readBadList(sym2addr("linux_banner"))[1] is not None])
