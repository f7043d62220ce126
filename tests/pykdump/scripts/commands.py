"""exec_crash_command: text; crash.error for what crash refuses."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


text = exec_crash_command("sys")
refused = []
for command in ("nosuchcommand", "bt 99999999"):
    try:
        exec_crash_command(command)
    except crash.error as error:
        refused.append(str(error).split(":")[-1].strip())
fields = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
show([fields["RELEASE"], fields["NODENAME"], refused])
