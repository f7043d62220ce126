"""A program as one writes it first: pexpect with its defaults, crash's text, one structure at a time.

``python -m benchmarks.naive CRASH VMLINUX VMCORE``; the commands on standard input, a line each. What is
printed is JSON: seconds of the start and of the commands, seconds of processor of it and of crash, bytes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pexpect

_SECONDS = 600
_PROMPT = "crash> "


def crash_seconds(pid: int | None) -> float:
    """Seconds of processor that crash has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Ask all of it."""
    commands = [line for line in sys.stdin.read().splitlines() if line]
    began = time.perf_counter()
    crash = pexpect.spawn(sys.argv[1], ["-s", *sys.argv[2:4]], timeout=_SECONDS)
    crash.expect(_PROMPT)
    up, ours, theirs = time.perf_counter(), time.process_time(), crash_seconds(crash.pid)
    size = 0
    for command in commands:
        crash.sendline(command)
        crash.expect(_PROMPT)
        size += len(crash.before or b"")
    asked = time.perf_counter()
    told = {
        "start": up - began,
        "seconds": asked - up,
        "start_processor": ours + theirs,
        "processor": time.process_time() - ours + crash_seconds(crash.pid) - theirs,
        "bytes": size,
        "commands": len(commands),
    }
    crash.sendline("q")
    crash.close(force=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
