"""What a module of `kinds` holds: rules that know a crash by its first line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from crashdrive.linux.oops.body import Body
from crashdrive.linux.oops.lines import Line
from crashdrive.linux.oops.records import Frame, Head, Kind

FATAL = 3
"""The kernel, or what it ran, died of it."""
SERIOUS = 2
"""The kernel went on, and may have been damaged, stuck or about to die."""
NOTED = 1
"""The kernel said that something is wrong, and went on."""


class Case(NamedTuple):
    """A report in hand: the rule and the match that found it, all its lines, the report taken apart.

    ``at`` is the place of the matched line. ``matches`` are all lines of the report that rules know.
    """

    rule: Rule
    match: re.Match[str]
    at: int
    body: Body
    matches: Sequence[tuple[Rule, re.Match[str], int]]

    @property
    def lines(self) -> Sequence[Line]:
        """The report's lines."""
        return self.body.lines

    def group(self, name: str) -> str | None:
        """What a named group of the pattern matched; None where the pattern has no such group."""
        return self.match.groupdict().get(name)

    def find(self, pattern: re.Pattern[str], most: int = 60) -> re.Match[str] | None:
        """The first match in the lines from the matched one on."""
        for line in self.lines[self.at : self.at + most]:
            if hit := pattern.search(line.text):
                return hit
        return None


@dataclass(slots=True)
class Found:
    """Who is to blame: the frame, what stands below it, whose stack it is, and why that may be wrong.

    ``context`` is where the kernel ran, if the report's form alone tells it.
    """

    frame: Frame | None = None
    frames: Sequence[Frame] = ()
    pointer: Frame | None = None
    head: Head | None = None
    doubts: tuple[str, ...] = ()
    kind: Kind | None = None
    title: str | None = None
    context: str | None = None


class Rule(NamedTuple):
    """How one form of a report begins.

    ``needle`` is a word that each such line has (found fast in a large log); ``pattern`` is matched where a
    message's text begins. ``title`` may hold the pattern's groups (``{what}``); the culprit is appended.
    ``find`` chooses the culprit. Of several lines that begin the same report the one with the highest
    ``strength`` rules. ``weak``: such a line goes on with a report that has begun. ``follows``: kinds that
    this line only is a consequence of. ``joins``: what a first line of another kind has in it that the same
    report may begin with, too (a pattern). ``family`` names crashes that are the same on other kernels.
    """

    kind: Kind
    needle: str
    pattern: str
    title: str
    find: Callable[[Case], Found]
    rank: int = FATAL
    strength: int = 50
    weak: bool = False
    follows: frozenset[str] = frozenset()
    joins: str = ""
    family: str = ""

    @property
    def is_stall(self) -> bool:
        """Whether it tells of a CPU or task that doesn't get on."""
        return self.family in {"stall", "hang"}
