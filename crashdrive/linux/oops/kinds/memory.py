"""Memory that ran out or leaked."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops.culprit import ALLOCATION, NO_TRACE, first, named, traced
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.rule import NOTED, SERIOUS, Case, Found, Rule


def _leak(case: Case) -> Found:
    """The function that allocated the leaked object."""
    for stack in case.body.stacks:
        if stack.frames and stack.index >= case.at:
            return Found(frame=first(stack.frames, ALLOCATION), frames=stack.frames)
    return Found(doubts=(NO_TRACE,))


def _oom(case: Case) -> Found:
    """No culprit: the allocation that found no memory isn't to blame."""
    found = traced(ALLOCATION)(case)
    noticed = [one for one in named(found.frames) if plain(one.function or "") == "out_of_memory"]
    found.frame = noticed[0] if noticed else found.frame
    if found.frame is None:
        found.doubts = ()
    return found


_oom_panic = partial(
    Rule, "oom", title="kernel panic: Out of memory", find=_oom, strength=60, follows=frozenset({"oom"})
)
RULES = (
    Rule("leak", "BUG: memory leak", r"BUG: memory leak", "memory leak", _leak, rank=SERIOUS, strength=60),
    Rule(
        "leak",
        "unreferenced object",
        r"unreferenced object 0x[0-9a-f]+ \(size \d+\)",
        "memory leak",
        _leak,
        rank=NOTED,
        strength=58,
        weak=True,
    ),
    Rule(
        "oom",
        "invoked oom-killer",
        r"(?P<comm>.{1,20}?) invoked oom-killer:",
        "Out of memory",
        _oom,
        rank=NOTED,
        strength=60,
    ),
    Rule(
        "oom",
        "ut of memory",
        r"(?:Memory cgroup o|O)ut of memory(?: \(oom_kill_allocating_task\))?: Kill(?:ed)? process",
        "Out of memory",
        _oom,
        rank=NOTED,
        strength=58,
        weak=True,
    ),
    _oom_panic(
        "ut of memory", r"Kernel panic - not syncing: (?:Out of memory|System is deadlocked on memory)"
    ),
    _oom_panic("deadlocked on memory", r"Kernel panic - not syncing: System is deadlocked on memory"),
)
