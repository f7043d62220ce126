"""atomic_t: a counter, or the number itself."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


mm = readSymbol("init_mm")
show([atomic_t(mm.mm_users), atomic_t(7), mm.mm_users.counter, atomic_t(mm.mm_count)])
