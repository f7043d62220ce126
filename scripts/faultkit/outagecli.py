"""``scripts/outages``: the command line."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from crashdrive.reports import report_names
from faultkit.cli import DOCS
from faultkit.outages import Outage, Outages, cases_of, recorded
from faultkit.transport import WAYS, Way
from faultkit.trust import Failed, failed_table, with_failed

HELP = """Have crash fail at each round trip of a report: is the answer the same, marked, or an error?

The reports' recorded sessions answer; no crash and no dump are needed. Each case runs once as it is, and its
round trips are counted. Then it runs again for each of them (or a --sample), with a crash that there dies,
stalls until the deadline, or becomes so slow that walks have no time left. Exit status 1 where other rows
came without a word, and for a traceback or a hang."""

EXAMPLES = """examples:
  scripts/outages netstat
  scripts/outages --way dies,slow --sample 20 ps files
  scripts/outages --all --turns --keep outages.jsonl --write        # docs/trust.md
"""


class Kept(NamedTuple):
    """A case in the file of --keep, with what it was tried in; ``mode`` are ways, sample and seed."""

    mode: str
    failed: Failed


def main() -> int:
    """Run it."""
    options = _options()
    names = report_names() if options.all else tuple(options.name)
    unknown = sorted(set(names) - set(report_names()))
    if unknown or not names:
        there = ", ".join(report_names())
        print(
            f"scripts/outages: no report {', '.join(unknown) or 'named'}; there are: {there}", file=sys.stderr
        )
        return 2
    done = list(_all(names, options))
    print(failed_table(done), end="")
    if options.write:
        before = DOCS.read_text(encoding="utf-8")
        DOCS.write_text(with_failed(before, done, frozenset(report_names())), encoding="utf-8")
    return 1 if any(one.bad for one in done) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/outages", description=HELP, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", nargs="*", metavar="REPORT")
    parser.add_argument("--all", action="store_true", help="all reports")
    parser.add_argument("--first", action="store_true", help="the first case of each report alone")
    parser.add_argument(
        "--recording", type=int, default=0, metavar="N", help="the Nth session of each, from 0"
    )
    parser.add_argument("--way", type=_ways, default=WAYS, help=f"of {', '.join(WAYS)} (all)")
    parser.add_argument("--turns", action="store_true", help="each round trip once: the ways take turns")
    parser.add_argument("--sample", type=int, help="so many round trips of each way, by chance; else all")
    parser.add_argument("--seed", type=int, default=0, help="other round trips")
    parser.add_argument("--keep", metavar="FILE", help="results go here; what is there isn't run again")
    parser.add_argument("--write", action="store_true", help="put the results into docs/trust.md")
    return parser.parse_args()


def _ways(text: str) -> tuple[Way, ...]:
    ways = tuple(way for way in WAYS if way in text.split(","))
    if len(ways) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"ways are: {', '.join(WAYS)}")
    return ways


def _all(names: tuple[str, ...], options: argparse.Namespace) -> Iterator[Failed]:
    mode = f"{','.join(options.way)} {options.turns} {options.sample} {options.seed} {options.recording}"
    kept = {one.failed.name: one.failed for one in _kept(options.keep) if one.mode == mode}
    for name in names:
        with recorded(name, options.recording) as session:
            for case in cases_of(name, session)[: 1 if options.first else None]:
                done = kept.get(case.name)
                if done is None:
                    done = _tried(Outages(session, case), options)
                    _keep(options.keep, Kept(mode, done))
                yield done


def _kept(path: str | None) -> list[Kept]:
    if path is None or not Path(path).exists():
        return []
    return [msgspec.json.decode(line, type=Kept) for line in Path(path).read_bytes().splitlines()]


def _keep(path: str | None, kept: Kept) -> None:
    if path is not None:
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode(kept) + b"\n")


def _tried(made: Outages, options: argparse.Namespace) -> Failed:
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    bad = 0
    trips = set()
    for run in _runs(made, options):
        outcomes[run.outcome] += 1
        trips.add(run.at)
        if run.bad:
            bad += 1
            print(
                f"{made.case.name}: {run.way} at {run.at}: {run.outcome}: {run.detail[:400]}", file=sys.stderr
            )
    name = made.case.name
    print(f"{name}: {outcomes.total()} runs, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return Failed(name, len(trips), made.trips, dict(outcomes), bad)


def _runs(made: Outages, options: argparse.Namespace) -> Iterator[Outage]:
    dice = random.Random(f"{options.seed} {made.case.name}")  # noqa: S311 - repeatable, no secret
    if options.turns:
        for number, at in enumerate(made.chosen(options.sample, dice)):
            yield made.run(at, options.way[number % len(options.way)])
        return
    for way in options.way:
        for at in made.chosen(options.sample, dice):
            yield made.run(at, way)
