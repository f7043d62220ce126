"""The kinds of crashes: one module for each family, with its ``RULES``, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crashdrive.linux.oops.rule import Rule

_LEAD = r"(?:.{0,60}?login: |\[ |\s{1,8})?"


class Known(NamedTuple):
    """All rules, and one expression that tells which of them a line fits."""

    rules: tuple[Rule, ...]
    patterns: tuple[re.Pattern[str], ...]
    any: re.Pattern[str]
    needles: tuple[str, ...]

    def match(self, text: str) -> tuple[Rule, re.Match[str]] | None:
        """The rule whose pattern a message's text begins with."""
        hit = self.any.match(text)
        if hit is None or hit.lastgroup is None:
            return None
        number = int(hit.lastgroup[1:])
        again = self.patterns[number].match(text)
        return (self.rules[number], again) if again else None


@cache
def known() -> Known:
    """The rules of all modules here."""
    rules: list[Rule] = []
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        rules += importlib.import_module(f"{__name__}.{info.name}").RULES
    rules.sort(key=lambda rule: (-rule.strength, rule.weak))
    alternatives = "|".join(f"(?P<r{n}>{_nameless(rule.pattern)})" for n, rule in enumerate(rules))
    return Known(
        rules=tuple(rules),
        patterns=tuple(re.compile(_LEAD + rule.pattern) for rule in rules),
        any=re.compile(f"{_LEAD}(?:{alternatives})"),
        needles=tuple(dict.fromkeys(rule.needle for rule in rules)),
    )


def _nameless(pattern: str) -> str:
    """A pattern whose groups don't count: which rule matched is told by the last group with a name."""
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)
