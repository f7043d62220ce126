"""Other commands' recorded outputs, given to a command's parser: which it takes, and whether that is right.

Explained are pairs of lines of tests/parsers/alike.toml: commands that print the same, and free text.
"""

from __future__ import annotations

import multiprocessing
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from damagecases import Case, load, sample_paths

from crashdrive.errors import ParseError
from crashdrive.parsers import parse

TABLE = Path(__file__).resolve().parents[1] / "tests" / "parsers" / "alike.toml"


class Alike(NamedTuple):
    """Why command lines take outputs of others: patterns of both, and of lines that are excepted."""

    takes: tuple[str, ...]
    gives: tuple[str, ...]
    why: str
    free: tuple[str, ...] = ()

    def explains(self, line: str, case: str) -> bool:
        """Whether a command line may take an output, by the case's name in golden_outputs."""
        return self.takes_by(line) and self.given_by(case)

    def takes_by(self, line: str) -> bool:
        """Whether it is about a command line."""
        return _fits(line, self.takes) and not _fits(line, self.free)

    def given_by(self, case: str) -> bool:
        """Whether it is about an output."""
        name = "/".join(case.split("/")[2:])
        return _fits(name, self.gives) or _fits(name.partition("@")[0], self.gives)


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


class Stranger(NamedTuple):
    """Another command's output that a command line takes for its own: complete, with rows."""

    line: str
    case: str
    rows: int


@cache
def alike() -> tuple[Alike, ...]:
    """The table."""
    read = tomllib.loads(TABLE.read_text(encoding="utf-8"))["alike"]
    return tuple(
        Alike(tuple(row["takes"]), tuple(row["gives"]), row["why"], tuple(row.get("free", ())))
        for row in read
    )


def is_explained(line: str, case: str) -> bool:
    """Whether the table says why a command line takes an output."""
    return any(row.explains(line, case) for row in alike())


@cache
def every() -> tuple[Case, ...]:
    """For each name of a case the shortest good output."""
    return tuple(case for case in map(load, sample_paths()) if case)


def pairs(command: str) -> Iterable[tuple[str, Case]]:
    """A command's lines, each with each output of another command."""
    lines = sorted({case.line for case in every() if case.command == command})
    others = [case for case in every() if case.command != command]
    return ((line, case) for line in lines for case in others)


def taken(line: str, case: Case) -> Stranger | None:
    """The output as this command line's answer, if it takes it for a complete one."""
    try:
        answer = parse(line, case.text)
    except ParseError:
        return None
    return Stranger(line, case.name, len(answer)) if answer.complete and len(answer) else None


def strangers(command: str) -> tuple[int, list[Stranger]]:
    """How many outputs of other commands were given to a command's lines, and which of them it takes."""
    tried = [taken(line, case) for line, case in pairs(command)]
    return len(tried), [stranger for stranger in tried if stranger]


def cross(commands: Sequence[str], shown: int, jobs: int) -> int:
    """Print for each command how many outputs of others it takes, and how many of these the table explains;
    status 1 where it doesn't explain one.
    """
    chosen = commands or sorted({case.command for case in every()})
    status, used = 0, set[Alike]()
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for command, (tried, found) in zip(chosen, pool.imap(strangers, chosen), strict=True):
            open_ = [one for one in found if not is_explained(one.line, one.case)]
            used.update(row for row in alike() for one in found if row.explains(one.line, one.case))
            status |= bool(open_)
            givers = Counter(one.case.split("/")[2] for one in found)
            told = ", ".join(f"{name} {number}" for name, number in givers.most_common(8))
            print(f"{command:12} {len(found):6} of {tried:7}  {len(open_):4} unexplained  {told}", flush=True)
            for one in (open_ or found)[:shown]:
                print(f"    {one.line!a} takes {one.case}: {one.rows} rows")
    if not commands:
        for row in set(alike()) - used:
            print(f"explains nothing: {row.takes} {row.gives}")
            status = 1
    return status
