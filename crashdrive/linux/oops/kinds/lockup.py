"""Stuck CPUs: soft and hard lockups."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops.culprit import MIXED, main_stacks, missing, mixed, nobody, stuck, stuck_at
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule

_W = r"(?:(?:NMI )?[Ww]atchdog: |rcu: )?"


def _stalled(case: Case) -> Found:
    """The culprit on the CPU that the message names, where its stack is there, not on the reporting one."""
    cpu = case.group("cpu")
    if cpu is None:
        return stuck(case)
    number, pid = int(cpu), case.group("pid")
    pointers = [one for one in case.body.pointers if one.cpu == number and not one.user]
    stacks = [stack for stack in main_stacks(case) if stack.cpu == number]
    if not pointers and not stacks:
        seen = {head.cpu for _, head in case.body.heads if head.cpu is not None}
        return stuck(case) if not seen else Found(doubts=("the stalled CPU's stack is missing",))
    if mixed(case) and not any("backtrace for cpu" in line.text for line in case.lines):
        return Found(doubts=(MIXED,))
    own = {stack.head.pid for stack in stacks if stack.head is not None and stack.head.pid is not None}
    if pid and own and int(pid) not in own:
        return Found(doubts=(MIXED,))
    pointer = next((one for one in pointers if one.frame.function), pointers[0] if pointers else None)
    return stuck_at(pointer, stacks[0] if stacks else None)


_soft_lockup = partial(Rule, "softlockup", rank=SERIOUS, strength=60, family="stall")
_hard_lockup = partial(Rule, "hardlockup", title="hard LOCKUP", strength=60, family="stall")
RULES = (
    _soft_lockup(
        "soft lockup",
        rf"{_W}BUG: soft lockup(?: -| detected on)? CPU#(?P<cpu>\d+)(?: stuck for (?P<seconds>\d+)s! \["
        rf"(?P<comm>.{{1,20}}?):(?P<pid>\d+)\])?",
        "BUG: soft lockup",
        _stalled,
    ),
    _soft_lockup(
        "lockup suspected",
        r"BUG: (?P<what>spinlock|rwlock) lockup suspected on CPU#(?P<cpu>\d+)",
        "BUG: {what} lockup suspected",
        stuck,
    ),
    _soft_lockup(
        "lockup on CPU",
        r"BUG: (?P<what>spinlock|rwlock)(?:-\w+)? lockup on CPU#(?P<cpu>\d+)",
        "BUG: {what} lockup",
        stuck,
    ),
    _hard_lockup(
        "LOCKUP",
        rf"(?:Kernel panic - not syncing: )?{_W}(?:BUG: )?(?:Watchdog )?(?:NMI Watchdog )?[Dd]etected "
        rf"(?:hard )?LOCKUP on (?:cpu|CPU) ?(?P<cpu>\d+)",
        find=_stalled,
    ),
    _hard_lockup(
        "LOCKUP",
        rf"{_W}(?:Watchdog )?CPU[ :](?P<cpu>\d+) (?:self-detected hard LOCKUP|Hard LOCKUP|became unstuck)",
        find=_stalled,
    ),
    _hard_lockup(
        "LOCKUP",
        rf"{_W}(?:Watchdog )?CPU[ :]\d+ detected [Hh]ard LOCKUP (?:on )?other CPU[sS][ :](?P<cpu>\d+)",
        find=_stalled,
    ),
    Rule(
        "watchdog",
        "workqueue lockup",
        r"BUG: workqueue lockup - pool",
        "BUG: workqueue lockup",
        nobody,
        rank=SERIOUS,
        strength=60,
    ),
    Rule(
        "softlockup",
        "softlockup: hung tasks",
        r"Kernel panic - not syncing: softlockup: hung tasks",
        "BUG: soft lockup",
        missing,
        strength=60,
        follows=frozenset({"softlockup"}),
        family="stall",
    ),
    _hard_lockup(
        "Hard LOCKUP",
        r"Kernel panic - not syncing: Hard LOCKUP",
        find=missing,
        follows=frozenset({"hardlockup"}),
    ),
)
