"""readU8 to readU64, readS32, readS64, readInt, readUInt, readLong, readULong."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = sym2addr("init_task")
at = task + member_offset("struct task_struct", "static_prio")
comm = task + member_offset("struct task_struct", "comm")
jiffies = sym2addr("jiffies_64")
show(
    [
        readU8(comm),
        readU16(comm),
        readU32(at),
        readS32(at),
        readInt(at),
        readUInt(at),
        readU64(jiffies) == readULong(jiffies),
        readS64(jiffies),
        readLong(jiffies),
        [f(0) if 0 else f.__name__ for f in ()],
    ]
)
try:
    readU32(0)
except IndexError:
    show("IndexError")
