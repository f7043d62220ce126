"""Programs of a run share one __main__."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


import tempfile

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "other.py")
    with open(path, "w") as file:
        file.write("import sys\nseen = (left_here, sys.argv[1:], __name__)\nsys.exit(3)\n")
    left_here = 5
    crash.exec_epython_command(path, "a", "b")
    show(
        [
            list(seen),
            crash.register_epython_prog("other", "x", "y", "z"),
            crash.register_epython_prog("other", "x", "y", "z"),
            crash.get_epython_cmds(),
        ]
    )
