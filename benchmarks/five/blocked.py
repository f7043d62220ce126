"""Tasks in uninterruptible sleep, each with its kernel stack, ``crashdrive run VMCORE blocked.py``."""

from __future__ import annotations

from crashdrive import Crash
from crashdrive.linux.sched.stacks import stacks


def report(crash: Crash) -> None:
    """Print them."""
    found = stacks(crash.kernel, wanted=lambda task: task.state_letter == "D")
    for task in sorted(found, key=lambda task: task.pid or 0):
        waited = "?" if task.off_cpu is None else f"{task.off_cpu:.1f}"
        print(f"{task.pid:>7} {task.comm} waits in {task.wait_channel} for {waited} s")
        print("".join(f"        {frame.function}\n" for frame in task.frames if frame.function), end="")
    print(f"{len(found)} in state D")
    for notice in found.notices:
        print(notice.message)
