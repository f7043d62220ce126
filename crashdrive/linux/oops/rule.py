"""Rules of the modules in `kinds`, which know a crash by its first line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from crashdrive.linux.oops.body import Body
from crashdrive.linux.oops.lines import Line
from crashdrive.linux.oops.records import Frame, Head, Kind

FATAL = 3
"""The kernel, or the task that it ran, died of it."""
SERIOUS = 2
"""The kernel went on, and may have been damaged, stuck or about to die."""
NOTED = 1
"""The kernel said that something is wrong, and went on."""


class Case(NamedTuple):
    """A report: the rule and the match that found it, its lines, its parts.

    ``at``: the index of the matched line. ``matches``: all lines of the report that rules match.
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
    """The culprit: its frame, the frames below it, the task and CPU of the stack, and doubts.

    ``context``: the kernel's context, if the report's form alone tells it.
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
    """The first line of one form of report.

    ``needle`` is a word that each such line has (found fast in a large log); ``pattern`` is matched where a
    message's text begins. ``title`` may hold the pattern's groups (``{what}``); the culprit is appended.
    ``find`` chooses the culprit. Of several first lines of the same report, the one with the highest
    ``strength`` decides. ``weak``: such a line continues a report that has begun. ``follows``: kinds that
    this line is only a consequence of. ``joins``: a pattern of first lines of other kinds that the same
    report may have. ``closes``: a pattern of first lines whose report this line belongs to even behind its
    registers, as the trace is still to come. ``family``: the same for crashes that are alike on other
    kernels.
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
    closes: str = ""
    family: str = ""

    @property
    def is_stall(self) -> bool:
        """Whether the rule is for a stuck CPU or task."""
        return self.family in {"stall", "hang"}
