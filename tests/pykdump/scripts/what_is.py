"""whatis: a variable's type and address; funcargs."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


task = whatis("init_task")
try:
    whatis("no_such_symbol")
except TypeError as error:
    text = str(error)
show(
    [
        task.ctype,
        task.addr,
        whatis("avenrun").array,
        whatis("file_systems").ti.ptrlev,
        text,
        funcargs("schedule_timeout"),
        funcargs("init_task"),
        whatis("nr_threads").size,
    ]
)
