"""readStructNext: structures that point to the next one."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


systems = readStructNext(readSymbol("file_systems"), "next")
show(
    [
        [s.name for s in systems],
        len(readStructNext(readSymbol("file_systems"), "next", maxel=2)),
        readStructNext(0, "next"),
    ]
)
