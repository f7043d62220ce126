"""Rules, which look at rows of reports and readers, and give findings. Each is a module, found by its name.

Rules from outside (`crashdrive.plugins`) are found too, unless a rule of ours has the same name.

``judge(Facts(crash), rules().found)`` applies all rules to a session, live or recorded. Each report is
computed, and each reader called, once at most.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.near import hint
from crashdrive.plugins import Found, find, load
from crashdrive.records import Notice
from crashdrive.rules.base import EVIDENCE, Match, Rule, matches, rule, told
from crashdrive.rules.facts import Facts, cause
from crashdrive.rules.judging import Judgement, failed, judge, worst_first

__all__ = [
    "EVIDENCE",
    "Facts",
    "Judgement",
    "Match",
    "Rule",
    "Rules",
    "foreign_rules",
    "judge",
    "matches",
    "rule",
    "rule_for",
    "rule_names",
    "rules",
    "told",
    "worst_first",
]


class Rules(NamedTuple):
    """Rules that were loaded, and notices of those that are broken or refused."""

    found: tuple[Rule, ...]
    notices: tuple[Notice, ...]


@functools.cache
def _modules() -> dict[str, str]:
    """Each rule's module by the rule's id: the modules in the rooms of this package."""
    return {
        name.replace("_", "-"): f"{__name__}.{room}.{name}"
        for _, room, is_room in pkgutil.iter_modules(__path__)
        if is_room
        for _, name, _ in pkgutil.iter_modules([str(Path(base) / room) for base in __path__])
        if not name.startswith("_")
    }


def rule_names(room: str | None = None) -> tuple[str, ...]:
    """The ids of crashdrive's own rules, sorted; of one room (``net``) or all. Nothing is imported."""
    prefix = f"{__name__}.{room}." if room else __name__
    return tuple(sorted(name for name, module in _modules().items() if module.startswith(prefix)))


def foreign_rules() -> Found:
    """Rules from outside, and those that were refused; none of their code is run."""
    return find("rules", taken=rule_names())


def rule_for(name: str) -> Rule:
    """The rule with that id (only its module is imported).

    UsageError where there is none, PluginError for one from outside that is broken.
    """
    module = _modules().get(name)
    return (
        _rule_in(importlib.import_module(module)) if module is not None else _foreign(name, foreign_rules())
    )


def _foreign(name: str, found: Found) -> Rule:
    if name not in found.plugins:
        refused = "".join(f"; {line}" for line in found.refused)
        raise UsageError(f"no rule {name!a}{hint(name, [*rule_names(), *found.plugins])}{refused}")
    return _rule_in(load(found.plugins[name], functools.partial(_objection, name)))


def _rule_in(module: ModuleType) -> Rule:
    (found,) = _rules_in(module)
    return found


def _rules_in(module: Any) -> list[Rule]:
    return [value for value in vars(module).values() if isinstance(value, Rule)]


def _objection(name: str, module: Any) -> str | None:
    """Why a module isn't the rule of that name that `rules.base` describes; None if it is."""
    found = _rules_in(module)
    if len(found) != 1:
        return f"it has {len(found)} rules, not one"
    return None if found[0].id == name else f"its id is {found[0].id!a}, not {name!a}"


def rules(room: str | None = None) -> Rules:
    """Our own rules, of one room or all, and rules from outside, ordered by their ids.

    A rule that can't be loaded is named in ``notices``; all others are there.
    """
    outside = foreign_rules()
    loaded: list[Rule] = []
    notices = [Notice(kind="rule", message=line) for line in outside.refused]
    for name in [*rule_names(room), *sorted(outside.plugins)]:
        try:
            loaded.append(rule_for(name) if name in _modules() else _foreign(name, outside))
        except CrashdriveError as error:
            notices.append(failed(name, cause(error)))
    return Rules(tuple(loaded), tuple(notices))
