"""What every rule is made of.

A rule is one module in a room of this package (``net``), found by its name alone. It holds one function,
decorated with `rule`: the decorator's arguments say which rows the rule looks at, what it finds, at which
threshold, and what to do then. The function's parameters are the rows of each source, in the order of
``looks_at``. It gives each `Match`, mostly by `matches` of rows. It reads no memory and prints nothing. A
field that the dump lacks is None.

A module whose name starts with ``_`` is a helper, not a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Any, TypeAlias, TypeVar, get_args

from crashdrive.records import Finding, Record, Severity

EVIDENCE = 8
"""How many rows a finding shows."""

Reader: TypeAlias = Callable[[Any], Any]
"""A reader of `crashdrive.linux` that takes ``crash.kernel`` and gives a `Reading`."""

Source: TypeAlias = str | Reader
"""What a rule looks at: a table of a report by its name (``"netsummary.listen_queues"``), or a reader."""

T = TypeVar("T")
_ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TABLE = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9_]*")


class Match(Record, frozen=True):
    """What a rule found. ``evidence``: facts, one a line. ``count``: the ``{count}`` of the rule's message.

    ``message``, ``severity`` and ``advice``: of this match, where they differ from the rule's.
    """

    evidence: tuple[str, ...] = ()
    count: int = 1
    message: str | None = None
    severity: Severity | None = None
    advice: str | None = None


Check: TypeAlias = Callable[..., Iterable[Match]]


class _Count:
    """The ``{count}`` of a message. ``{count:task is|tasks are}`` is "1 task is", "2 tasks are"."""

    def __init__(self, count: int | None) -> None:
        self.count = count

    def __format__(self, words: str) -> str:
        one, _, many = words.partition("|")
        number = "N" if self.count is None else str(self.count)
        return f"{number} {one if self.count == 1 else many}".rstrip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule: the arguments of `rule`, and the function that they describe."""

    id: str
    severity: Severity
    looks_at: tuple[Source, ...]
    message: str
    threshold: str
    explanation: str
    advice: str
    reference: str
    check: Check

    def told(self, count: int | None = None) -> str:
        """The message with a count, or with N where there is none."""
        return self.message.format(count=_Count(count))

    def finding(self, match: Match) -> Finding:
        """A match as users see it."""
        return Finding(
            severity=match.severity or self.severity,
            kind=self.id,
            message=match.message or self.told(match.count),
            evidence=match.evidence,
            explanation=self.explanation,
            advice=match.advice or self.advice,
            source=", ".join(map(source_name, self.looks_at)),
            reference=self.reference,
        )


def rule(  # the fields of a finding, one argument each
    *,
    id: str,  # noqa: A002 - a rule's id is what everybody calls it
    severity: Severity,
    looks_at: tuple[Source, ...],
    message: str,
    threshold: str,
    explanation: str,
    advice: str,
    reference: str,
) -> Callable[[Check], Rule]:
    """Makes a `Rule` of a function.

    ``id``: the module's name with ``-`` for ``_``; it is the ``kind`` of the findings. ``looks_at``: tables
    of reports (``"conntrack.counts"``), or readers; the function has a parameter for each. ``message``: what
    is wrong, in one line; ``{count:task is|tasks are}`` becomes ``1 task is``, ``3 tasks are``, and
    ``{count}`` the number alone. ``threshold``: when the rule finds something, in words. ``explanation``:
    what it means; ``advice``: what to look at next, or to do; ``reference``: the kernel's file and function,
    or the documentation, that this rests on.

    ValueError for arguments that make no rule.
    """
    texts = {
        "message": message,
        "threshold": threshold,
        "explanation": explanation,
        "advice": advice,
        "reference": reference,
    }
    if wrong := _wrong(id, severity, looks_at, texts):
        raise ValueError(wrong)

    def made(check: Check) -> Rule:
        return Rule(id=id, severity=severity, looks_at=looks_at, check=check, **texts)

    return made


def _wrong(name: str, severity: str, looks_at: object, texts: dict[str, str]) -> str | None:
    """What is wrong with the arguments of `rule`; None if nothing is."""
    if not _ID.fullmatch(name):
        return f"id is {name!a}: it is made of a-z, 0-9 and -"
    if severity not in get_args(Severity):
        return f"severity is {severity!a}, none of {', '.join(get_args(Severity))}"
    if not isinstance(looks_at, tuple) or not looks_at:
        return "looks_at is no tuple of what the rule looks at"
    if bad := [one for one in looks_at if not (callable(one) or _is_table(one))]:
        return f"looks_at: {bad[0]!a} is neither REPORT.TABLE nor a reader"
    empty = (name for name, text in texts.items() if not (text and text.isprintable()))
    if missing := next(empty, None):
        return f"{missing} is no line of text"
    return None if _counts(texts["message"]) else "message: it may name {count} or {count:ONE|MANY} alone"


def _counts(message: str) -> bool:
    """Whether a message is a format string without other fields than ``count``."""
    try:
        parts = list(Formatter().parse(message))
    except ValueError:
        return False
    fields = [(field, words, conversion) for _, field, words, conversion in parts if field is not None]
    return all(
        field == "count" and not conversion and (not words or re.fullmatch(r"[^|{}]+\|[^|{}]+", words))
        for field, words, conversion in fields
    )


def _is_table(source: object) -> bool:
    return isinstance(source, str) and _TABLE.fullmatch(source) is not None


def source_name(source: Source) -> str:
    """A source as findings and messages name it."""
    return source if isinstance(source, str) else f"{source.__module__}.{source.__qualname__}"


def matches(rows: Iterable[T], line: Callable[[T], str]) -> Iterator[Match]:
    """One match for all rows, with the first rows as evidence; no match without rows."""
    found = list(rows)
    if found:
        yield Match(evidence=told(found, line), count=len(found))


def told(rows: list[T], line: Callable[[T], str]) -> tuple[str, ...]:
    """The first rows as lines of evidence, and how many more there are."""
    more = len(rows) - EVIDENCE
    return (*(line(row) for row in rows[:EVIDENCE]), *((f"and {more} more",) if more > 0 else ()))
