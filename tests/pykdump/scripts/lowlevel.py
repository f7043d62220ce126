"""The module crash: types as dicts, numbers out of bytes, lists of commands."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = crash.gdb_typeinfo("struct list_head")
first = crash.gdb_typeinfo("struct list_head")
first["x"] = 1
pointer = crash.gdb_typeinfo("struct task_struct *")
show(
    [
        task,
        "x" in crash.gdb_typeinfo("struct list_head"),
        pointer["stars"],
        pointer["basetype"],
        pointer["ptrbasetype"] == crash.TYPE_CODE_STRUCT,
        crash.gdb_whatis("avenrun"),
        crash.mem2long(b"\1\0\0\0\2\0\0\0", array=2),
        crash.mem2long(b"\xff\xff", signed=True),
        crash.readInt(sym2addr("nr_threads"), 4, True),
        crash.struct_size("list_head"),
        crash.member_offset("task_struct", "no_such"),
        crash.PAGEOFFSET(4097),
        crash.FD_ISSET(3, b"\x08"),
    ]
)
try:
    crash.gdb_typeinfo("struct no_such")
except crash.error:
    show("crash.error")
