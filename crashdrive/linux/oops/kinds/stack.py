"""The kernel stack: overflowed, or corrupted."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops import machinery
from crashdrive.linux.oops.culprit import fault, main_stacks, named_in_title, traced
from crashdrive.linux.oops.machinery import matcher
from crashdrive.linux.oops.patterns import FUNCTION
from crashdrive.linux.oops.rule import Case, Found, Rule

_SCHEDULER = matcher(
    machinery.WAITING, machinery.LOCKS, machinery.SANITIZERS, machinery.ALLOCATORS, machinery.LIBRARY
)
_OVERFLOW = "stack"


def _overflow(case: Case) -> Found:
    found = fault(case)
    if found.frame is None and found.pointer is None and main_stacks(case):
        found = traced(matcher(machinery.LOCKS))(case)
    return found


_PANIC = r"Kernel panic - not syncing: "
_overflown = partial(Rule, "stack", find=_overflow, family=_OVERFLOW)
RULES = (
    _overflown(
        "stack guard page was hit",
        r"BUG: (?:IRQ |NMI |TASK |#DF |\S+ )?stack guard page was hit",
        "BUG: stack guard page was hit",
        strength=70,
        joins="ouble fault",
    ),
    _overflown(
        "nsufficient stack space",
        r"Insufficient stack space to handle exception!",
        "kernel stack overflow",
        strength=70,
    ),
    _overflown(
        "ernel stack overflow",
        rf"(?:{_PANIC})?[Kk]ernel stack overflow",
        "kernel stack overflow",
        strength=60,
        # arm64 prints registers, panics, and then has its trace (arch/arm64/kernel/traps.c)
        closes="Insufficient stack space",
    ),
    Rule(
        "stack",
        "stack overflow",
        r"(?:do_IRQ: )?stack overflow: -?\d+",
        "kernel stack overflow",
        traced(matcher(machinery.LOCKS)),
        rank=2,
        family=_OVERFLOW,
    ),
    Rule(
        "stack",
        "orrupted stack end",
        rf"{_PANIC}corrupted stack end detected inside scheduler",
        "kernel panic: corrupted stack end",
        traced(_SCHEDULER),
        strength=70,
        family=_OVERFLOW,
    ),
    Rule(
        "stack",
        "ernel stack is corrupted",
        rf"{_PANIC}stack-protector: Kernel stack is corrupted in: {FUNCTION}(?=\s|$)(?<![0-9a-f]{{8}})",
        "kernel panic: stack is corrupted",
        named_in_title(matcher()),
        strength=72,
    ),
    Rule(
        "stack",
        "ernel stack is corrupted",
        rf"{_PANIC}stack-protector: Kernel stack is corrupted in: [\[<]*(?:0x)?[0-9a-f]{{6,16}}",
        "kernel panic: stack is corrupted",
        traced(matcher()),
        strength=71,
    ),
)
