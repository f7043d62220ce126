"""struct_exists, struct_size, getSizeOf, union_size, type_length."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(
    [
        struct_exists("struct task_struct"),
        struct_exists("struct no_such"),
        struct_size("struct list_head"),
        getSizeOf("struct sock"),
        struct_size("struct no_such"),
        union_size("union ktime"),
        type_length("void *"),
        getSizeOf("unsigned long"),
        getSizeOf("atomic_t"),
        type_length("int"),
        getSizeOf("struct page"),
    ]
)
