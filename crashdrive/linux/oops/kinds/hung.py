"""Tasks that sleep for too long."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops.culprit import ASLEEP, MIXED, NO_TRACE, first, main_stacks, missing, named
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule


def find(case: Case) -> Found:
    """The sleeper's first frame outside of scheduler, locks and waits."""
    stacks = main_stacks(case)
    if not stacks:
        return Found(doubts=(NO_TRACE,))
    stack = stacks[0]
    pid = case.group("pid")
    if pid and stack.head is not None and stack.head.pid is not None and stack.head.pid != int(pid):
        return Found(doubts=(MIXED,))
    frames = named(stack.frames)
    doubts = () if frames else (NO_TRACE,)
    return Found(frame=first(frames, ASLEEP), frames=stack.frames, head=stack.head, doubts=doubts)


_hung = partial(Rule, "hung", find=find, rank=SERIOUS, strength=60, family="hang")
RULES = (
    _hung(
        "blocked",
        # a task may have put a newline into its name
        r"(?:INFO: task )?(?P<comm>.{1,40}?):(?P<pid>\d+) (?:<[^>]*> )?(?:is )?blocked (?:in I/O wait )?"
        r"(?:on .{1,40} )?for more than \d+ seconds",
        "INFO: task hung",
    ),
    _hung(
        "can't die",
        r"INFO: task (?P<comm>.{1,40}?):(?P<pid>\d+) can't die for more than \d+ seconds",
        "INFO: task can't die",
    ),
    Rule(
        "hung",
        "hung_task:",
        r"Kernel panic - not syncing: hung_task: blocked tasks",
        "INFO: task hung",
        missing,
        strength=60,
        follows=frozenset({"hung"}),
        family="hang",
    ),
)
