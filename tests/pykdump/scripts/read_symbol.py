"""readSymbol: numbers, arrays, structures, pointers, text."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(
    [
        readSymbol("nr_threads"),
        readSymbol("avenrun"),
        readSymbol("panic_timeout"),
        int(readSymbol("init_mm")),
        int(readSymbol("file_systems")),
        SmartString(readmem(sym2addr("linux_banner"), 64), 0)[:20],
        readSymbol("saved_command_line"),
    ]
)
