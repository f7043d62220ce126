"""Rules applied to facts: their findings, and which rules failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from crashdrive.errors import IncompleteError
from crashdrive.records import Finding, Notice
from crashdrive.rules.base import Match, Rule
from crashdrive.rules.facts import Facts, cause

_RANK = {"critical": 0, "warning": 1, "info": 2}


class Judgement(NamedTuple):
    """Findings, the worst first, and how far they can be trusted.

    ``complete`` is False where a rule failed, or where something is missing in what rules looked at;
    ``notices`` say what.
    """

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    complete: bool


def judge(facts: Facts, rules: Iterable[Rule]) -> Judgement:
    """Apply each rule whose sources are all available.

    A rule that raises is named (``rule X failed: ...``). The findings that it gave before stay.
    """
    findings: list[Finding] = []
    notices: list[Notice] = []
    unread: dict[str, list[str]] = {}
    for rule in rules:
        if not facts.has(rule.looks_at):
            continue
        try:
            rows = [facts.rows(source) for source in rule.looks_at]
        except IncompleteError as error:
            unread.setdefault(str(error), []).append(rule.id)
            continue
        try:
            findings.extend(_found(rule, *rows))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken rule ends no other
            notices.append(failed(rule.id, cause(error)))
    for failure, names in unread.items():
        notices.append(Notice(kind="unread", message=f"{failure}; rules not asked: {', '.join(names)}"))
    complete = facts.complete and not notices
    return Judgement(worst_first(findings), (*facts.notices, *notices), complete)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, each once, the most severe first; those of one severity in their order."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: _RANK[one.severity]))


def failed(name: str, why: str) -> Notice:
    """The notice of a rule that failed."""
    return Notice(kind="rule", message=f"rule {name} failed: {why}")


def _found(rule: Rule, *rows: object) -> Iterator[Finding]:
    for match in rule.check(*rows):
        if not isinstance(match, Match):
            raise TypeError(f"it gave {type(match).__name__}, no Match")
        yield rule.finding(match)
