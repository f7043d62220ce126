"""lockdep's reports, and sleeping where that isn't allowed."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

from crashdrive.linux.oops.culprit import ATOMIC, FAULT, MEMORY, nobody, traced
from crashdrive.linux.oops.frames import frames_in
from crashdrive.linux.oops.records import Frame
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule

_AT = re.compile(r",? at:(?: (?P<frame>.*)|$)")
_TRYING = re.compile(
    r"is trying to (?:acquire|release) lock|takes:|is trying to lock|just changed the state of lock"
)


def _acquirer(case: Case) -> Found:
    """Who takes the lock: named behind ``is trying to acquire lock``."""
    found = traced(FAULT)(case)
    asked = False
    lines = case.lines[case.at : case.at + 40]
    for line, below in pairwise([*lines, *lines[-1:]]):
        asked = asked or bool(_TRYING.search(line.text))
        hit = _AT.search(line.text) if asked else None
        if hit is not None:
            frames = frames_in(hit["frame"] or below.text)  # its own line, of a lock to release
            if frames and not FAULT(frames[0].function or ""):
                found.frame = frames[0]
            break
    return found


def _holder(case: Case) -> Found:
    """Who took the lock that is still held."""
    found = traced(FAULT)(case)
    for line in case.lines[case.at : case.at + 20]:
        hit = _AT.search(line.text)
        frames = frames_in(hit["frame"]) if hit else []
        if frames:
            return Found(frame=frames[0], frames=found.frames)
    return found


def _named(case: Case) -> Found:
    """``last function: foo`` and the like; else by the trace."""
    name = case.find(re.compile(r"last function: (?P<name>\w+)"), 4)
    found = traced(ATOMIC)(case)
    if name:
        found.frame = Frame(function=name["name"])
        found.doubts = ()
    return found


_I = r"(?:INFO|WARNING): "
_lockdep = partial(Rule, "lockdep", rank=SERIOUS, strength=60)
_atomic = partial(Rule, "atomic", rank=SERIOUS, strength=60)
RULES = (
    _lockdep(
        "circular locking",
        rf"{_I}possible circular locking dependency detected",
        "possible deadlock",
        _acquirer,
    ),
    _lockdep(
        "recursive locking", rf"{_I}possible recursive locking detected", "possible deadlock", _acquirer
    ),
    _lockdep(
        "irq lock inversion",
        rf"{_I}possible irq lock inversion dependency detected",
        "possible deadlock",
        _acquirer,
    ),
    _lockdep(
        "lock order detected",
        rf"{_I}\S+-safe -> \S+-unsafe lock order detected",
        "possible deadlock",
        _acquirer,
    ),
    _lockdep(
        "ested lock was not taken",
        rf"{_I}[Nn]ested lock was not taken",
        "WARNING: nested lock was not taken",
        _acquirer,
    ),
    _lockdep(
        "inconsistent lock state", rf"{_I}inconsistent lock state", "inconsistent lock state", _acquirer
    ),
    _lockdep(
        "uspicious RCU usage",
        rf"{_I}suspicious RCU usage|\[ INFO: suspicious RCU usage",
        "WARNING: suspicious RCU usage",
        traced(MEMORY),
    ),
    _lockdep(
        "uspicious rcu_dereference",
        rf"{_I}suspicious rcu_dereference_check\(\) usage",
        "WARNING: suspicious RCU usage",
        traced(MEMORY),
    ),
    _lockdep(
        "bad unlock balance",
        r"(?:BUG|WARNING): bad unlock balance detected",
        "WARNING: bad unlock balance",
        _acquirer,
    ),
    _lockdep(
        "bad contention", r"(?:BUG|WARNING): bad contention detected", "WARNING: bad contention", _acquirer
    ),
    _lockdep(
        "held lock freed", r"(?:BUG|WARNING): held lock freed", "WARNING: held lock freed", traced(MEMORY)
    ),
    _lockdep(
        "returning to user space",
        r"(?:BUG|WARNING): lock held when returning to user space",
        "WARNING: lock held when returning to user space",
        _holder,
    ),
    _lockdep(
        "still has locks held",
        r"(?:BUG|WARNING): .{1,40} still has locks held",
        "WARNING: still has locks held",
        traced(FAULT),
    ),
    _lockdep(
        "lock held at task exit",
        r"(?:BUG|WARNING): lock held at task exit time",
        "WARNING: lock held at task exit time",
        traced(FAULT),
    ),
    _lockdep(
        "non-static key",
        r"INFO: trying to register non-static key",
        "INFO: trying to register non-static key",
        traced(FAULT),
    ),
    _lockdep(
        "nvalid wait context",
        r"(?:BUG: |WARNING: )?\[? ?(?:BUG: )?Invalid wait context",
        "WARNING: locking bug",
        _acquirer,
    ),
    _lockdep("BUG: MAX_", r"BUG: MAX_(?P<what>\w+) too low", "BUG: MAX_{what} too low!", nobody),
    _atomic(
        "scheduling while atomic",
        r"(?:BUG: )?scheduling while atomic",
        "BUG: scheduling while atomic",
        traced(ATOMIC),
    ),
    _atomic(
        "scheduling from the idle",
        r"(?:BUG|bad): scheduling from the idle thread",
        "BUG: scheduling while atomic",
        traced(ATOMIC),
    ),
    _atomic(
        "sleeping function called",
        r"(?:BUG|Debug): sleeping function called from (?:invalid|illegal) context at (?P<file>[\w./-]+):"
        r"(?P<line>\d+)",
        "BUG: sleeping function called from invalid context",
        traced(ATOMIC),
    ),
    _atomic(
        "in preemptible",
        r"BUG: using (?P<what>\w+)\(\) in preemptible",
        "BUG: using {what}() in preemptible code",
        traced(ATOMIC),
    ),
    _atomic(
        "leaked lock or atomic",
        r"BUG: workqueue leaked (?:lock or )?atomic|BUG: workqueue leaked lock",
        "BUG: workqueue leaked lock or atomic",
        _named,
    ),
)
