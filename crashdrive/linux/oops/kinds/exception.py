"""Exceptions other than memory's: division, invalid opcode, breakpoint, double fault."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops.culprit import CHECKED, FAULT, fault, first_pointer, main_stacks, named, pointers
from crashdrive.linux.oops.rule import Case, Found, Rule


def _double(case: Case) -> Found:
    """The instruction pointer's function: the trace is empty where the stack pointer is bad."""
    found = fault(case)
    pointer = first_pointer(case)
    if pointer is None and found.frame is None and not found.doubts:
        stacks = main_stacks(case)
        frames = named(stacks[0].frames) if stacks else []
        found.frame = frames[0] if frames else None
    elif pointer is not None and found.doubts and _alone(case):
        frame = pointer.frame
        skipped = FAULT(frame.function or "")
        return Found(frame=None if skipped else frame, frames=(frame,), pointer=frame)
    return found


def _alone(case: Case) -> bool:
    """Whether a report has one head, one instruction pointer and one trace, which is empty."""
    heads = [head for index, head in case.body.heads if index >= case.at]
    traces = [one for one in case.body.stacks if one.index >= case.at]
    return len(heads) == len(pointers(case)) == len(traces) == 1 and not traces[0].frames


_divide = partial(Rule, "divide", title="divide error", find=fault)
_opcode = partial(
    Rule, "invalid-opcode", title="invalid opcode", find=partial(fault, skip=CHECKED), strength=40, weak=True
)
RULES = (
    _divide("divide", r"(?:traps: )?(?:Oops: )?divide[ _]error: [0-9a-f]{4}"),
    _divide("ivision by zero", r"Division by zero in kernel"),
    _divide("divide exception", r"(?:fixpoint|decimal|HFP)[ -]divide exception: [0-9a-f]{4}"),
    _opcode("invalid op", r"(?:traps: )?(?:Oops: )?invalid op(?:code|erand): [0-9a-f]{4}"),
    _opcode("undefined instruction", r"(?:Internal error: )?(?:Oops - )?undefined instruction: "),
    _opcode(
        "illegal", r"(?:illegal operation: [0-9a-f]{4}|(?:Internal error: )?(?:Oops - )?illegal instruction)"
    ),
    _opcode("Reserved instruction", r"Reserved instruction in kernel code"),
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
    Rule(  # die()'s line, after that of exc_double_fault()
        "double-fault",
        "double fault",
        r"(?:Oops: )?double fault: [0-9a-f]{4}",
        "PANIC: double fault",
        _double,
        strength=60,
        weak=True,
    ),
    Rule(
        "double-fault",
        "ouble fault",
        r"(?:traps: )?(?:PANIC: )?(?:Oops: )?[Dd]ouble fault(?!: [0-9a-f]{4})(?:, error_code|, gdt at|:)",
        "PANIC: double fault",
        _double,
        strength=60,
    ),
    Rule("unknown", "Bad mode in", r"Bad mode in .{1,60} handler detected", "bad mode", fault),
)
