"""exec_crash_command_bg: in the background, with a deadline; its file descriptor and process."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


text = exec_crash_command_bg("sys")
fd, pid = exec_crash_command_bg2("sys")
parts = []
while True:
    ready, _, _ = select.select([fd], [], [], 60)
    part = os.read(fd, 82)
    if not part:
        break
    parts.append(part)
os.close(fd)
_, status = os.waitpid(pid, 0)
fd, failing = exec_crash_command_bg2("bt 99999999")
os.close(fd)
show(
    [
        text == b"".join(parts).decode(),
        text == exec_crash_command("sys"),
        status,
        pid > 1,
        os.waitstatus_to_exitcode(os.waitpid(failing, 0)[1]) in (1, 141, -13),
    ]
)
