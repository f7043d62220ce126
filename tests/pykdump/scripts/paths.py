"""get_pathname: where files are mounted."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


init = [t for t in readSUListFromHead("init_task", "tasks", "struct task_struct") if t.pid == 1][0]
root = init.fs.root
show(
    [
        get_pathname(root.dentry, root.mnt),
        get_pathname(init.fs.pwd.dentry, init.fs.pwd.mnt),
        get_pathname(init.mm.exe_file.f_path.dentry, init.mm.exe_file.f_path.mnt),
    ]
)
