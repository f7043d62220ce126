"""SmartString: text cut at its NUL, with all the bytes behind it, and addresses."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = readSU("struct task_struct", sym2addr("init_task"))
comm = task.comm
kind = readSymbol("file_systems")
show(
    [
        comm,
        len(comm),
        len(comm.ByteArray),
        comm[0:12],
        comm.addr - int(task),
        comm == "swapper/0",
        isinstance(comm, str),
        kind.name,
        len(kind.name.ByteArray),
        int(kind.name) - int(kind),
        long(kind.name) == kind.name.ptr,
        comm.upper(),
        SmartString(b"a\0b", 5)[2],
        readSU("struct task_struct", sym2addr("init_task")).comm.ptr,
    ]
)
