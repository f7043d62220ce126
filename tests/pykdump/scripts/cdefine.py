"""CDefine and dbits2str: flags of the first process."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


flags = CDefine("""
#define PF_IDLE      0x00000002  /* I am an IDLE thread */
#define PF_EXITING   0x00000004
#define PF_KTHREAD   0x00200000
#define PF_ALIAS     PF_KTHREAD
""")
kthreadd = [
    t for t in readSUListFromHead("init_task", "tasks", "struct task_struct") if t.comm == "kthreadd"
][0]
show(
    [
        dbits2str(kthreadd.flags, flags),
        dbits2str(kthreadd.flags, flags, 3),
        flags.PF_ALIAS,
        flags.value2key(2),
    ]
)
