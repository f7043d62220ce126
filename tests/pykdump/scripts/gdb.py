"""exec_gdb_command: text, None where gdb refuses."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(
    [
        exec_gdb_command("p sizeof(struct list_head)").strip().split()[-1],
        exec_gdb_command("p no_such_symbol_anywhere"),
    ]
)
