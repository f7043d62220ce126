"""symbol_exists."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show([bool(symbol_exists(name)) for name in ("init_task", "jiffies", "no_such_symbol", "schedule")])
