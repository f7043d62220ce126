"""The kinds of crashes: one module for each family, with its ``RULES``, found by name."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crashdrive.linux.oops.rule import Rule

_LOGIN = "login: "
_LEAD = re.compile(r"\[ |\s{1,8}")


class Known(NamedTuple):
    """All rules, the strongest first, and the indices of the rules that share a needle."""

    rules: tuple[Rule, ...]
    patterns: tuple[re.Pattern[str], ...]
    needles: dict[str, tuple[int, ...]]

    def match(self, text: str) -> tuple[Rule, re.Match[str]] | None:
        """The strongest rule whose pattern a message's text begins with."""
        places = [place for needle, places in self.needles.items() if needle in text for place in places]
        places.sort()
        for start in _starts(text) if places else ():
            for place in places:
                if hit := self.patterns[place].match(text, start):
                    return self.rules[place], hit
        return None


def _starts(text: str) -> Iterator[int]:
    """Offsets at which a message may begin: behind a console's prompt, behind lockdep's bracket, at the
    front.
    """
    login = text.find(_LOGIN, 0, 60 + len(_LOGIN))
    if login >= 0:
        yield login + len(_LOGIN)
    if lead := _LEAD.match(text):
        yield lead.end()
    yield 0


@cache
def known() -> Known:
    """The rules of all modules here."""
    rules: list[Rule] = []
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        rules += importlib.import_module(f"{__name__}.{info.name}").RULES
    rules.sort(key=lambda rule: (-rule.strength, rule.weak))
    needles: dict[str, list[int]] = {}
    for place, rule in enumerate(rules):
        needles.setdefault(rule.needle, []).append(place)
    return Known(
        rules=tuple(rules),
        patterns=tuple(re.compile(rule.pattern) for rule in rules),
        needles={needle: tuple(places) for needle, places in needles.items()},
    )
