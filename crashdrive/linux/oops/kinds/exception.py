"""Exceptions other than memory's: division, invalid opcode, breakpoint, double fault."""

from __future__ import annotations

from crashdrive.linux.oops.culprit import fault, first_pointer, main_stacks, named
from crashdrive.linux.oops.rule import Case, Found, Rule


def _double(case: Case) -> Found:
    found = fault(case)
    if found.pointer is None and found.frame is None and not found.doubts and first_pointer(case) is None:
        stacks = main_stacks(case)
        frames = named(stacks[0].frames) if stacks else []
        found.frame = frames[0] if frames else None
    return found


RULES = (
    Rule("divide", "divide", r"(?:traps: )?(?:Oops: )?divide[ _]error: [0-9a-f]{4}", "divide error", fault),
    Rule("divide", "ivision by zero", r"Division by zero in kernel", "divide error", fault),
    Rule(
        "divide",
        "divide exception",
        r"(?:fixpoint|decimal|HFP)[ -]divide exception: [0-9a-f]{4}",
        "divide error",
        fault,
    ),
    Rule(
        "invalid-opcode",
        "invalid op",
        r"(?:traps: )?(?:Oops: )?invalid op(?:code|erand): [0-9a-f]{4}",
        "invalid opcode",
        fault,
        strength=40,
        weak=True,
    ),
    Rule(
        "invalid-opcode",
        "undefined instruction",
        r"(?:Internal error: )?(?:Oops - )?undefined instruction: ",
        "invalid opcode",
        fault,
        strength=40,
        weak=True,
    ),
    Rule(
        "invalid-opcode",
        "illegal",
        r"(?:illegal operation: [0-9a-f]{4}|(?:Internal error: )?(?:Oops - )?illegal instruction)",
        "invalid opcode",
        fault,
        strength=40,
        weak=True,
    ),
    Rule(
        "invalid-opcode",
        "Reserved instruction",
        r"Reserved instruction in kernel code",
        "invalid opcode",
        fault,
        strength=40,
        weak=True,
    ),
    Rule("unknown", "int3:", r"(?:Oops: )?int3: [0-9a-f]{4}", "int3", fault),
    Rule(
        "unknown",
        "Break instruction",
        r"Break instruction in kernel code",
        "break instruction",
        fault,
        strength=40,
        weak=True,
    ),
    Rule(
        "unknown",
        "exception:",
        r"(?:specification|operand|data|privileged operation|execute) exception: [0-9a-f]{4} ilc",
        "exception",
        fault,
        strength=40,
    ),
    Rule(
        "paging",
        "exception:",
        r"(?:addressing|protection|region-\w+ translation|segment translation|page translation) "
        r"exception: [0-9a-f]{4} ilc",
        "BUG: unable to handle kernel paging request",
        fault,
        strength=40,
        family="access",
    ),
    Rule(
        "double-fault",
        "ouble fault",
        r"(?:traps: )?(?:PANIC: )?(?:Oops: )?[Dd]ouble fault(?:: [0-9a-f]{4}|, error_code|, gdt at|:)",
        "PANIC: double fault",
        _double,
        strength=60,
    ),
    Rule("unknown", "Bad mode in", r"Bad mode in .{1,60} handler detected", "bad mode", fault),
)
