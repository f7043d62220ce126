"""Each line of each recorded output once missing, doubled, joined with the next, cut: what nobody notices.

The figures are kept by command, and by output where an output has any; a test takes some outputs by chance
and holds what it finds against these.
"""

from __future__ import annotations

import random
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from damagecases import load, paths
from damagekit import CHECKOUT, Outcome, Wanted, run, slowest_of, table, total

FIGURES = CHECKOUT / "tests" / "parsers" / "damage_lines.toml"

LONG = 250
"""Lines of outputs of which some lines are damaged, `SOME`, not each: it takes the square of their number."""

SOME = 100

LINES = Wanted(("delete", "double", "join", "cut"), sys.maxsize, seed=0, shown=frozenset({"wrong"}))

OTHER = ("values", "text", "other")
"""Classes of answers that are complete, have as many rows or more, and are other ones."""


class Count(NamedTuple):
    """Damages by which rows were lost without a mark, by which others came out, and how many were tried."""

    fewer: int
    other: int
    tried: int

    def __add__(self, more: object) -> Count:
        """Both together."""
        if not isinstance(more, Count):
            return NotImplemented
        return Count(self.fewer + more.fewer, self.other + more.other, self.tried + more.tried)


Counts = dict[str, Count]
"""Counts by kind of damage."""


class Figures(NamedTuple):
    """``commands``: of all their outputs. ``outputs``: of each in which anything isn't noticed."""

    commands: dict[str, Counts]
    outputs: dict[str, Counts]


def outputs(commands: Iterable[str] = ()) -> list[Path]:
    """The .cmd files of all recorded outputs; of those that are alike to the byte the first one."""
    found: dict[tuple[str, bytes], Path] = {}
    for path in paths(commands):
        line = path.read_bytes().split(b"\n", 1)[0].decode()
        found.setdefault((line, path.with_suffix(".out").read_bytes()), path)
    return list(found.values())


def damaged(chosen: Iterable[Path], jobs: int, *, each: bool = False) -> list[Outcome]:
    """What comes of these outputs; with ``each`` of each line of long ones too."""
    short: list[Path] = []
    long: list[Path] = []
    for path in chosen:
        (short if each or _lines(path) <= LONG else long).append(path)
    return run(long, LINES._replace(places=SOME), jobs) + run(short, LINES, jobs)


def _lines(path: Path) -> int:
    return path.with_suffix(".out").read_bytes().count(b"\n")


def some(seed: int, most: int) -> list[Path]:
    """Outputs by chance, so many that at most ``most`` lines are parsed: each has the square of its own."""
    every = outputs()
    random.Random(seed).shuffle(every)  # noqa: S311 - repeatable, no secret
    chosen = []
    for path in every:
        cost = len(LINES.kinds) * _lines(path) ** 2
        if cost <= most and load(path):
            most -= cost
            chosen.append(path)
    return chosen


def counted(outcome: Outcome) -> Counts:
    """What came of an output, by kind."""
    kinds: dict[str, Counter[str]] = {}
    for (kind, became), number in outcome.counts.items():
        kinds.setdefault(kind, Counter())[became] += number
    return {
        kind: Count(classes["fewer"], sum(classes[name] for name in OTHER), classes.total())
        for kind in LINES.kinds
        if (classes := kinds.get(kind))
    }


def figures(outcomes: Iterable[Outcome]) -> Figures:
    """What is kept."""
    commands: dict[str, Counts] = {}
    by_output: dict[str, Counts] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.name):
        counts = counted(outcome)
        unseen = {kind: count for kind, count in counts.items() if count.fewer or count.other}
        if unseen:
            by_output[outcome.name] = unseen
        _add(commands.setdefault(outcome.command, {}), counts)
    return Figures(dict(sorted(commands.items())), by_output)


def summed(commands: Mapping[str, Counts]) -> Counts:
    """Of all commands together."""
    found: Counts = {}
    for counts in commands.values():
        _add(found, counts)
    return found


def _add(sums: Counts, counts: Counts) -> None:
    for kind, count in counts.items():
        sums[kind] = sums.get(kind, Count(0, 0, 0)) + count


def known() -> Figures:
    """The figures that may only fall."""
    read = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    return Figures(_counts(read["commands"]), _counts(read["outputs"]))


def _counts(read: Mapping[str, Mapping[str, list[int]]]) -> dict[str, Counts]:
    return {name: {kind: Count(*numbers) for kind, numbers in kinds.items()} for name, kinds in read.items()}


def risen(now: Mapping[str, Counts], known: Mapping[str, Counts]) -> Iterator[str]:
    """What isn't noticed more often than it was, of commands or of outputs."""
    for name, counts in now.items():
        for kind, count in counts.items():
            old = known.get(name, {}).get(kind, Count(0, 0, 1))
            if any(new * old.tried > before * count.tried for new, before in zip(count, old, strict=True)):
                yield f"{name}, {kind}: {_told(count)} aren't noticed, it was {_told(old)}"


def _told(count: Count) -> str:
    return f"{count.fewer} + {count.other} of {count.tried}"


def write(jobs: int, commands: Sequence[str] = ()) -> int:
    """Measure anew, these commands alone where some are named, and keep the figures; say what rose, and what
    was no ParseError.
    """
    before = known() if FIGURES.exists() else Figures({}, {})
    outcomes = damaged(outputs(commands), jobs)
    now = figures(outcomes)
    _keep(_with_others(now, before, commands) if commands else now)
    rises = [line for new, old in zip(now, before, strict=True) if old for line in risen(new, old)]
    rises += [f"{loss.name}\n{loss.story}" for outcome in outcomes for loss in outcome.losses]
    print("\n".join(rises) or f"{FIGURES.relative_to(CHECKOUT)} is written; nothing rose")
    return 1 if rises else 0


def _with_others(now: Figures, before: Figures, commands: Sequence[str]) -> Figures:
    """The new figures, and those that were there of other commands."""
    others = {name: counts for name, counts in before.commands.items() if name not in commands}
    outputs = {name: counts for name, counts in before.outputs.items() if name.split("/")[2] not in commands}
    by_command, by_output = ({**old, **new} for old, new in zip((others, outputs), now, strict=True))
    return Figures(dict(sorted(by_command.items())), dict(sorted(by_output.items())))


def _keep(now: Figures) -> None:
    lines = [
        f"# Written by scripts/damage --lines --write, of each line once damaged, of {SOME} in outputs of",
        f"# more than {LONG} lines:",
        "# [rows lost without a mark, other rows, damages tried], of outputs where anything isn't noticed.",
        "# They may only fall.",
    ]
    for part, named in zip(Figures._fields, now, strict=True):
        lines += ["", f"[{part}]", *(_line(name, counts) for name, counts in named.items())]
    FIGURES.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _line(name: str, counts: Counts) -> str:
    kinds = ", ".join(f"{kind} = {list(counts[kind])}" for kind in LINES.kinds if kind in counts)
    return f'"{name}" = {{ {kinds} }}'


def report(commands: list[str], jobs: int) -> int:
    """Measure each line of these commands' outputs, and print."""
    outcomes = damaged(outputs(commands), jobs, each=True)
    print("\n".join(table(total(outcomes), slowest_of(outcomes))))
    print("".join(f"{loss.name}\n{loss.story}\n" for outcome in outcomes for loss in outcome.losses), end="")
    return 1 if any(outcome.losses for outcome in outcomes) else 0
