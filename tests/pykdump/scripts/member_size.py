"""member_size."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show([member_size("struct task_struct", name) for name in ("comm", "pid", "tasks", "cpus_mask", "no_such")])
