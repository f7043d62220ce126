"""KASAN, KMSAN, KCSAN, KFENCE, UBSAN."""

from __future__ import annotations

import re
from functools import partial

from crashdrive.linux.oops.culprit import MEMORY, named_in_title, traced
from crashdrive.linux.oops.patterns import FUNCTION
from crashdrive.linux.oops.rule import NOTED, SERIOUS, Case, Found, Rule

_ACCESS = re.compile(
    r"\s*(?P<access>Read|Write) (?:of size|at addr|by task)|^==.*(?P<other>Read|Write) of size"
)
_OLD_TYPE = {"use after free": "use-after-free", "out of bounds access": "out-of-bounds"}


def _type(case: Case) -> str:
    given = (case.group("what") or "").strip()
    kind = _OLD_TYPE.get(given, given)
    return "invalid-free" if "free" in kind and "use" not in kind else kind


def _kasan(case: Case) -> Found:
    found = named_in_title(MEMORY)(case)
    access = case.find(_ACCESS, 8)
    kind = _type(case)
    way = f" {access['access'] or access['other']}" if access and kind != "invalid-free" else ""
    found.title = f"KASAN: {kind}{way}"
    if not access and kind != "invalid-free" and not found.doubts:
        found.doubts = ("the line that says what was accessed is missing",)
    return found


_access = partial(Rule, rank=SERIOUS, strength=70, family="access")
_kasan_line = partial(Rule, "kasan", title="KASAN: {what}", find=_kasan, rank=SERIOUS, family="access")
RULES = (
    _access(
        "kasan",
        "KASAN:",
        rf"BUG: KASAN: (?P<what>[a-z-]+(?: or [a-z-]+)?) in {FUNCTION}",
        "KASAN: {what}",
        _kasan,
    ),
    _access("kasan", "KASan:", rf"BUG: KASan: (?P<what>[a-z -]+?) in {FUNCTION}", "KASAN: {what}", _kasan),
    _kasan_line("KASAN:", r"BUG: KASAN: (?P<what>[a-z-]+) on address", strength=68),
    _kasan_line("KASAN:", r"BUG: KASAN: (?P<what>[a-z-]*)", strength=66),
    _access(
        "unknown",
        "KMSAN:",
        rf"BUG: KMSAN: (?P<what>[a-z-]+) in {FUNCTION}",
        "KMSAN: {what}",
        named_in_title(MEMORY),
    ),
    Rule(
        "unknown",
        "KCSAN:",
        rf"BUG: KCSAN: (?P<what>[a-z :-]+?) in {FUNCTION}",
        "KCSAN: {what}",
        named_in_title(MEMORY),
        rank=NOTED,
        strength=70,
    ),
    _access(
        "kfence",
        "KFENCE:",
        rf"BUG: KFENCE: (?P<what>[a-z -]+?) in {FUNCTION}",
        "KFENCE: {what}",
        named_in_title(MEMORY),
    ),
    Rule(
        "ubsan",
        "UBSAN:",
        r"(?:Internal error: )?UBSAN: (?P<what>[a-z-]+|[Uu]ndefined behaviour) in (?P<file>[\w./-]+):"
        r"(?P<line>\d+)",
        "UBSAN: {what}",
        traced(MEMORY),
        rank=SERIOUS,
        strength=66,
    ),
    Rule(
        "ubsan",
        "UBSAN:",
        r"UBSAN: [Uu]ndefined behaviour in (?P<file>[\w./-]+):(?P<line>\d+)",
        "UBSAN: undefined-behaviour",
        traced(MEMORY),
        rank=SERIOUS,
        strength=67,
    ),
    Rule(
        "ubsan",
        "UBSAN:",
        r"Internal error: UBSAN: (?P<what>[\w -]+)",
        "UBSAN: {what}",
        traced(MEMORY),
        strength=66,
    ),
)
