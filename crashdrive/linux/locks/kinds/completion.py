"""Completions, also those of flushed work and of RCU: kernel/sched/completion.c."""

from __future__ import annotations

import re

from crashdrive.linux.locks.base import WaitingStack, from_list

TYPE = "completion"
_KIND = "struct completion"
FUNCTIONS = re.compile(r"(__|do_)?wait_for_(common|completion)\w*")


def lock(stack: WaitingStack) -> int | None:
    """The ``struct completion``; its queue is a simple one since 5.7 (a5c6234e1028)."""
    if stack.kernel.has_member(_KIND, "wait.task_list"):
        return from_list(stack, ("struct swait_queue", "task", "task_list"), (_KIND, "wait.task_list"))
    return from_list(stack, ("struct wait_queue_entry", "private", "entry"), (_KIND, "wait.head"))
