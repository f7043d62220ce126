"""BUG(): the kernel's own assertions, and the checkers of its allocators and page tables."""

from __future__ import annotations

import re
from functools import partial

from crashdrive.linux.oops.culprit import CHECKED, FAULT, MEMORY, fault, nobody, traced
from crashdrive.linux.oops.patterns import WHERE
from crashdrive.linux.oops.records import Kind
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule

_CHECKS: tuple[tuple[str, Kind, str], ...] = (
    (r"lib/list_debug\.c|include/linux/list\.h", "list", "BUG: corrupted list"),
    (r"mm/usercopy\.c", "usercopy", "BUG: bad usercopy"),
    (
        r"lib/string\.c|lib/string_helpers\.c|linux/fortify-string\.h",
        "fortify",
        "fortify: detected buffer overflow",
    ),
)


def _bug(case: Case) -> Found:
    file = case.group("file") or ""
    for pattern, kind, title in _CHECKS:
        if re.search(pattern, file):
            found = fault(case)
            found.kind, found.title = kind, title
            return found
    return fault(case, CHECKED)


_check = partial(Rule, "bug", rank=SERIOUS)
RULES = (
    Rule(
        "bug",
        "ernel BUG at",
        rf"(?:.{{0,20}}\s)?[Kk]ernel BUG at (?:{WHERE}|.{{1,80}})",
        "kernel BUG",
        _bug,
        strength=55,
    ),
    Rule("bug", "ernel BUG [", r"Kernel BUG \[#\d+\]", "kernel BUG", fault, strength=20, weak=True),
    Rule("bug", "ernel bug detected", r"Kernel bug detected", "kernel BUG", fault, strength=50, weak=True),
    Rule("bug", "Oops - BUG", r"Internal error: Oops - BUG: ", "kernel BUG", fault, strength=50, weak=True),
    Rule("bug", "BUG: failure at", rf"BUG: failure at {WHERE}", "kernel BUG", fault, strength=55),
    _check(
        "BUG: Bad page",
        r"BUG: Bad page (?P<what>state|map|cache) in process",
        "BUG: Bad page {what}",
        traced(MEMORY),
    ),
    _check(
        "Bad page state",
        r"Bad page state (?:in process|at )",
        "BUG: Bad page state",
        traced(MEMORY),
        strength=49,
    ),
    _check("BUG: Bad rss-counter", r"BUG: Bad rss-counter state", "BUG: Bad rss-counter state", nobody),
    _check(
        "on freeing mm",
        r"BUG: non-zero (?P<what>\w+) on freeing mm",
        "BUG: non-zero {what} on freeing mm",
        nobody,
    ),
    _check(
        "still in use",
        r"BUG: Dentry .{1,200} still in use",
        "BUG: Dentry still in use",
        traced(FAULT),
        joins="WARNING: ",
    ),
    _check(
        "BUG ",
        r"BUG (?P<cache>[\w:.-]{1,64}) \((?:Not t|T)ainted[^)]*\): (?P<what>[A-Z][\w -]{2,40})",
        "BUG: {what}",
        traced(MEMORY),
    ),
    _check("slab error in", r"slab error in (?P<what>\w+)\(\): ", "BUG: slab error", traced(MEMORY)),
    _check(
        "BUG: spinlock",
        r"BUG: (?P<what>spinlock|rwlock) (?P<how>already unlocked|recursion|cpu recursion|bad magic|"
        r"wrong owner|wrong CPU|trylock failure on UP)",
        "BUG: {what} {how}",
        traced(FAULT),
    ),
    _check(
        "BUG: rwlock",
        r"BUG: (?P<what>spinlock|rwlock) (?P<how>already unlocked|recursion|cpu recursion|bad magic|"
        r"wrong owner|wrong CPU|trylock failure on UP)",
        "BUG: {what} {how}",
        traced(FAULT),
    ),
)
