"""RCU: CPUs and tasks that keep a grace period from ending."""

from __future__ import annotations

import re
from functools import partial

from crashdrive.linux.oops.body import Pointer, Stack
from crashdrive.linux.oops.culprit import STUCK, first, interrupted, main_stacks, missing, stuck_at
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule

_CPU = re.compile(r"(?:rcu: )?\s*(\d+)-[.!OoNnD?|~-]+:? ?[:(]|(?:rcu: )?\s*(\d+): \(")
_BRACES = re.compile(r"\{([^}]*)\}")
_TASK = re.compile(r"\bP(\d+)")
_MISSING = "the stalled CPU's stack is missing"


def _stalled(case: Case) -> tuple[list[int], list[int]]:
    """CPUs and pids that the report names as stalled."""
    cpus, pids = [], []
    for at, line in enumerate(case.lines[case.at : case.at + 40]):
        text = line.text
        if at and text.startswith(("Call Trace", "NMI backtrace", "Sending NMI")):
            break
        if hit := _CPU.match(text):
            cpus.append(int(hit[1] or hit[2]))
        braces = _BRACES.search(text) if at < 3 else None
        if braces:
            cpus += [int(number) for number in re.findall(r"(?<![\w-])(\d+)\b", braces[1])]
        if braces or "blocked on level" in text or re.match(r"(?:rcu: )?\s*P\d+", text):
            pids += [int(pid) for pid in _TASK.findall(text)]
    return list(dict.fromkeys(cpus)), list(dict.fromkeys(pids))


def find(case: Case) -> Found:
    """The function of the first stalled CPU or task with a stack in the log."""
    cpus, pids = _stalled(case)
    if case.group("cpu"):
        cpus.insert(0, int(case.group("cpu") or 0))
    if "self" in case.match.group() and not cpus:
        cpus = [head.cpu for _, head in case.body.heads if head.cpu is not None][:1]
    stacks = [stack for stack in main_stacks(case) if not _is_kthread_of_rcu(stack)]
    pointers = [one for one in case.body.pointers if one.index >= case.at]
    for cpu in cpus:
        found = _of_cpu(cpu, pointers, stacks)
        if found is not None:
            return found
    for pid in pids:
        for stack in stacks:
            if stack.head is not None and stack.head.pid == pid:
                frames = interrupted(stack.frames)
                return Found(frame=first(frames, STUCK), frames=frames, head=stack.head)
    if not cpus and not pids and stacks:  # "All QSes seen": the task that kept RCU's own thread from running
        return stuck_at(_pointer_in(stacks[0], pointers), stacks[0])
    return Found(doubts=(_MISSING,))


def _of_cpu(cpu: int, pointers: list[Pointer], stacks: list[Stack]) -> Found | None:
    own = [stack for stack in stacks if stack.cpu == cpu]
    there = [one for one in pointers if one.cpu == cpu and not one.user]
    if not own and not there:
        return None
    stack = own[0] if own else None
    return stuck_at(_pointer_in(stack, there), stack)


def _pointer_in(stack: Stack | None, pointers: list[Pointer]) -> Pointer | None:
    """The instruction pointer within a stack's lines, else the first one before these."""
    named = [one for one in pointers if one.frame.function and not one.user]
    for at in stack.pointers if stack else ():
        for one in named:
            if stack is not None and one.frame == stack.frames[at]:
                return one
    return next((one for one in named if stack is None or one.index < stack.index), None)


def _is_kthread_of_rcu(stack: Stack) -> bool:
    return bool(stack.head and stack.head.comm and re.match(r"rcu_\w+", stack.head.comm))


_stall = partial(Rule, "rcu", title="INFO: rcu detected stall", strength=60, family="stall")
RULES = (
    _stall(
        "detected",
        r"(?:rcu: )?INFO: (?P<what>rcu\w*)(?: \w+)? (?:self-)?detected (?:expedited )?stalls?",
        find=find,
        rank=SERIOUS,
    ),
    _stall("detected", r"INFO: RCU detected CPU (?P<cpu>\d+) stall", find=find, rank=SERIOUS),
    _stall("RCU Stall", r"Kernel panic - not syncing: RCU Stall", find=missing, follows=frozenset({"rcu"})),
)
