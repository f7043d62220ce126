"""Crashes by the machine or the operator: machine checks, NMIs, watchdogs, sysrq."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops.culprit import REPORT, after, first, main_stacks, nobody, stuck
from crashdrive.linux.oops.records import Frame
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule

_PANIC = r"Kernel panic(?: - not syncing)?: "


def _sysrq(case: Case) -> Found:
    """The handler of the key, wherever the trace has it."""
    for stack in main_stacks(case):
        for frame in stack.frames:
            if frame.function == "sysrq_handle_crash":
                return Found(frame=frame, frames=stack.frames)
    for pointer in case.body.pointers:
        if pointer.frame.function == "sysrq_handle_crash":
            return Found(frame=pointer.frame, frames=[pointer.frame], pointer=pointer.frame)
    stacks = main_stacks(case)
    return Found(frame=Frame(function="sysrq_handle_crash"), frames=stacks[0].frames if stacks else ())


def _panicked(case: Case) -> Found:
    stacks = main_stacks(case)
    if not stacks:
        return Found()
    frames = after(stacks[0].frames, "panic", "vpanic", "nmi_panic")
    return Found(frame=first(frames, REPORT), frames=frames)


def _interrupted(case: Case) -> Found:
    """The function that an unexpected NMI interrupted; where the trace doesn't tell it, the caller of
    panic().
    """
    found = stuck(case)
    return found if found.frame is not None and found.pointer is not None else _panicked(case)


def _machine_check(case: Case) -> Found:
    """Nobody; x86's exception comes like an NMI."""
    return Found(context="nmi" if "achine check" in case.match[0] else None)


_check = partial(Rule, "mce", strength=80)
_watchdog = partial(Rule, "watchdog", title="kernel panic: watchdog", find=_panicked, strength=62)
_nmi = partial(Rule, "nmi", title="kernel panic: NMI", find=_interrupted, strength=65)
RULES = (
    Rule(
        "sysrq",
        "rigger a crash",
        r"(?:sysrq: ?)?(?:SysRq ?: ?)?Trigger a crash(?:dump)?",
        "sysrq: triggered crash",
        _sysrq,
        strength=90,
        # until d2fd6810a823 (4.18) it wrote to NULL
        joins="NULL pointer|paging request|general protection fault",
    ),
    Rule(
        "sysrq",
        "sysrq triggered crash",
        rf"{_PANIC}sysrq triggered crash",
        "sysrq: triggered crash",
        _sysrq,
        strength=90,
    ),
    _check(
        "achine",
        r"(?:mce: )?(?:\[Hardware Error\]: )?CPU \d+: Machine Check(?:: \d+)? (?:Exception|Bank)",
        "machine check",
        nobody,
        rank=SERIOUS,
    ),
    _check(
        "achine",
        rf"{_PANIC}.{{0,40}}?(?:[Mm]achine [Cc]heck|Uncorrected machine check|Fatal hardware error|CPU "
        rf"context corrupt|memory failure|Memory error)",
        "machine check",
        _machine_check,
    ),
    _check("hardware error", rf"{_PANIC}.{{0,40}}?(?:Fatal hardware error)", "hardware error", nobody),
    _check(
        "EDAC ",
        rf"{_PANIC}EDAC \S{{1,20}}: (?:UE |Uncorrected Error)",
        "EDAC: uncorrected memory error",
        nobody,
    ),
    # since 3.5 edac_ue_error() names itself no more
    _check(
        "syncing: UE ",
        rf"{_PANIC}UE .{{0,120}}?\bon .{{1,200}}? \(",
        "EDAC: uncorrected memory error",
        nobody,
    ),
    _check("context corrupt", rf"{_PANIC}.{{0,40}}?CPU context corrupt", "machine check", nobody),
    Rule(
        "mce",
        "SError",
        rf"(?:{_PANIC}Asynchronous SError Interrupt|SError Interrupt on CPU\d+)",
        "SError",
        nobody,
        strength=70,
    ),
    _nmi(
        "NMI",
        rf"{_PANIC}(?:NMI: )?(?:Not continuing|NMI IOCK error|Non maskable interrupt|An NMI occurred|Out "
        rf"of band NMI|.{{0,30}}\bNMI\b)",
    ),
    _nmi("Not continuing", rf"{_PANIC}(?:NMI: )?Not continuing"),
    _watchdog(
        "atchdog",
        rf"(?:{_PANIC})(?:.{{0,60}}?)(?:[Ww]atchdog (?:[Tt]imer |pretimeout|[Bb]ark|[Tt]imeout|expired|"
        rf"detected no)|Software Watchdog)",
    ),
    _watchdog("pretimeout", rf"{_PANIC}(?:watchdog )?pretimeout event"),
    # The secure world's own panic; the driver's warning and the panic behind it only pass it on.
    Rule(
        "panic",
        "trusty: ",
        r"trusty: (?:panic \(caller )?0x[0-9a-f]+\): "  # printed in pieces, each with a head
        r"(?:(?:\w+ )?ASSERT FAILED at \([^()]*\): )?(?P<message>.+)",
        "trusty: panic: {message}",
        nobody,
        strength=70,
        joins="drivers/trusty/",
    ),
    _watchdog("atchdog bark", r"(?:.{0,30}?)?Watchdog bark! Now = "),
)
