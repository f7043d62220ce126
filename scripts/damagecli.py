"""The command line of ``scripts/damage``."""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import damagekit
import damagelines
from damagecases import paths
from damagecross import cross
from damagekinds import KINDS
from damagekit import ALL, SLOW, Outcome, Wanted, run, slowest_of, table, total, write


def main() -> int:
    """Damage what was asked for; status 1 where another exception than ParseError came out."""
    parser = argparse.ArgumentParser(
        description=damagekit.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="*", help="crash commands (default: all)")
    parser.add_argument("--kind", default=",".join(KINDS), help="kinds of damage (default: %(default)s)")
    parser.add_argument("--case", default="*", help="only cases whose path ends so: 'ps/ps_-*'")
    parser.add_argument("--places", type=int, default=ALL.places, help="lines damaged per case and kind")
    parser.add_argument("--sample", type=int, help="only so many cases of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="N examples per command and kind")
    parser.add_argument("--class", dest="classes", default="fewer,wrong", help="which: %(default)s")
    parser.add_argument("--lines", action="store_true", help="each line of each output once")
    parser.add_argument(
        "--write", action="store_true", help="write the figures of tests/parsers, of all or of these commands"
    )
    parser.add_argument("--cross", action="store_true", help="give each command the others' outputs")
    arguments = parser.parse_args()
    if arguments.cross:
        paths(arguments.command)  # of a command that has none, there is nothing to say
        return cross(arguments.command, arguments.show, arguments.jobs)
    if arguments.lines:
        return _lines(arguments)
    return write(arguments.jobs, arguments.command) if arguments.write else report(arguments)


def _lines(arguments: argparse.Namespace) -> int:
    if arguments.write:
        return damagelines.write(arguments.jobs, arguments.command)
    return damagelines.report(arguments.command, arguments.jobs)


def report(arguments: argparse.Namespace) -> int:
    """Run and print."""
    kinds = tuple(arguments.kind.split(","))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        print(f"unknown kind {unknown[0]}; there are {', '.join(KINDS)}", file=sys.stderr)
        return 2
    shown = frozenset(arguments.classes.split(",")) if arguments.show else frozenset()
    chosen = _sampled(paths(arguments.command, arguments.case), arguments.sample, arguments.seed)
    outcomes = run(chosen, Wanted(kinds, arguments.places, arguments.seed, shown), arguments.jobs)
    counts = total(outcomes)
    for example in _examples(outcomes, arguments.show):
        print(example)
    print("\n".join(table(counts, slowest_of(outcomes))))
    for seconds, name in sorted(slowest_of(outcomes).values(), reverse=True)[:5]:
        if seconds > SLOW:
            print(f"slow: {seconds:.2f} s, {name}")
    return 1 if any(by_class["wrong"] for by_class in counts.values()) else 0


def _sampled(chosen: list[Path], number: int | None, seed: int) -> list[Path]:
    if number is None:
        return chosen
    by_command: dict[str, list[Path]] = {}
    for path in chosen:
        by_command.setdefault(path.parent.name, []).append(path)
    chance = random.Random(seed)  # noqa: S311 - the same in each run
    return [path for some in by_command.values() for path in chance.sample(some, min(number, len(some)))]


def _examples(outcomes: list[Outcome], number: int) -> Iterator[str]:
    told: Counter[tuple[str, str]] = Counter()
    for outcome in sorted(outcomes, key=lambda outcome: outcome.command):
        for loss in outcome.losses:
            key = outcome.command, loss.name.split(":")[-2]
            told[key] += 1
            if told[key] <= number:
                yield f"{loss.name} ({loss.became})\n{loss.story}\n"
