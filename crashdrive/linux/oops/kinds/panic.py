"""panic(): callers with a reason of their own, and panics that only end another report."""

from __future__ import annotations

from crashdrive.linux.oops.culprit import MIXED, NO_TRACE, REPORT, after, first, main_stacks, missing, mixed
from crashdrive.linux.oops.rule import Case, Found, Rule

_PANIC = r"Kernel panic(?: - not syncing)?: "
_DIED = frozenset(
    [
        "null",
        "paging",
        "gpf",
        "bug",
        "divide",
        "invalid-opcode",
        "bad-ip",
        "double-fault",
        "stack",
        "list",
        "refcount",
        "usercopy",
        "fortify",
        "kasan",
        "ubsan",
        "kfence",
        "warning",
        "atomic",
        "lockdep",
        "unknown",
    ]
)


def find(case: Case) -> Found:
    """The caller of panic()."""
    stacks = main_stacks(case)
    if not stacks:
        return Found(doubts=(NO_TRACE,) if "not syncing" in case.match.group() else ())
    frames = after(stacks[0].frames, "panic", "vpanic")
    if len([frame for frame in stacks[0].frames if frame.sure and frame.function == "panic"]) > 1 or mixed(
        case
    ):
        return Found(doubts=(MIXED,))
    chosen = first(frames, REPORT)
    return Found(frame=chosen, frames=frames, doubts=() if chosen else (NO_TRACE,))


RULES = (
    Rule("panic", "Kernel panic", rf"{_PANIC}(?P<message>.+)", "kernel panic: {message}", find, strength=20),
    Rule(
        "panic",
        "Kernel panic",
        rf"{_PANIC}(?P<message>Fatal exception.*|Aiee, killing interrupt handler!.*|Attempted to kill "
        rf"the idle task!.*|panic_on_oops.*)",
        "kernel panic: {message}",
        missing,
        strength=25,
        follows=_DIED,
    ),
    Rule(
        "atomic",
        "scheduling while atomic",
        rf"{_PANIC}scheduling while atomic",
        "BUG: scheduling while atomic",
        missing,
        strength=26,
        follows=frozenset({"atomic"}),
    ),
    Rule(
        "warning",
        "panic_on_warn",
        rf"{_PANIC}(?:\w+: )?panic_on_warn set",
        "WARNING",
        missing,
        strength=26,
        follows=_DIED | {"leak", "rcu"},
    ),
    Rule(
        "unknown",
        "panic_on_",
        rf"{_PANIC}(?:\w+: )?(?:kmsan\.panic|panic_on_kmsan|kasan\.fault=panic|panic_on_taint)",
        "WARNING",
        missing,
        strength=26,
        follows=_DIED,
    ),
)
