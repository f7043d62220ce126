"""BUG(): the kernel's own assertions, and the checkers of its allocators and page tables."""

from __future__ import annotations

import re

from crashdrive.linux.oops.culprit import FAULT, MEMORY, fault, nobody, traced
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
    return fault(case)


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
    Rule(
        "bug",
        "BUG: Bad page",
        r"BUG: Bad page (?P<what>state|map|cache) in process",
        "BUG: Bad page {what}",
        traced(MEMORY),
        rank=SERIOUS,
        strength=50,
    ),
    Rule(
        "bug",
        "Bad page state",
        r"Bad page state (?:in process|at )",
        "BUG: Bad page state",
        traced(MEMORY),
        rank=SERIOUS,
        strength=49,
    ),
    Rule(
        "bug",
        "BUG: Bad rss-counter",
        r"BUG: Bad rss-counter state",
        "BUG: Bad rss-counter state",
        nobody,
        rank=SERIOUS,
    ),
    Rule(
        "bug",
        "on freeing mm",
        r"BUG: non-zero (?P<what>\w+) on freeing mm",
        "BUG: non-zero {what} on freeing mm",
        nobody,
        rank=SERIOUS,
    ),
    Rule(
        "bug",
        "still in use",
        r"BUG: Dentry .{1,200} still in use",
        "BUG: Dentry still in use",
        traced(FAULT),
        rank=SERIOUS,
        joins="WARNING: ",
    ),
    Rule(
        "bug",
        "BUG ",
        r"BUG (?P<cache>[\w:.-]{1,64}) \((?:Not t|T)ainted[^)]*\): (?P<what>[A-Z][\w -]{2,40})",
        "BUG: {what}",
        traced(MEMORY),
        rank=SERIOUS,
        strength=50,
    ),
    Rule(
        "bug",
        "slab error in",
        r"slab error in (?P<what>\w+)\(\): ",
        "BUG: slab error",
        traced(MEMORY),
        rank=SERIOUS,
    ),
    Rule(
        "bug",
        "BUG: spinlock",
        r"BUG: (?P<what>spinlock|rwlock) (?P<how>already unlocked|recursion|cpu recursion|bad magic|"
        r"wrong owner|wrong CPU|trylock failure on UP)",
        "BUG: {what} {how}",
        traced(FAULT),
        rank=SERIOUS,
    ),
    Rule(
        "bug",
        "BUG: rwlock",
        r"BUG: (?P<what>spinlock|rwlock) (?P<how>already unlocked|recursion|cpu recursion|bad magic|"
        r"wrong owner|wrong CPU|trylock failure on UP)",
        "BUG: {what} {how}",
        traced(FAULT),
        rank=SERIOUS,
    ),
)
