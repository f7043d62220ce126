"""Who has files below /dev open, by drgn: the counterpart of ``../devices.py``."""

from __future__ import annotations

import sys

from drgn import Program
from drgn.helpers.linux.fs import d_path, for_each_file
from drgn.helpers.linux.pid import for_each_task

program = Program()
program.set_core_dump(sys.argv[2])
program.load_debug_info([sys.argv[1]])
count = 0
for task in for_each_task(program):
    if not task.files or task.pid != task.tgid:
        continue
    for number, file in for_each_file(task):
        if not file:  # a slot that is reserved
            continue
        path = d_path(file.f_path).decode("utf-8", "backslashreplace")
        if path == "/dev" or path.startswith("/dev/"):
            count += 1
            print(task.pid.value_(), task.comm.string_().decode("utf-8", "backslashreplace"), number, path)
print(f"{count} files below /dev are held")
