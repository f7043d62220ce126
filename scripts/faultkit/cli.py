"""``scripts/holes``: the command line of the hunt."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import CrashdriveError
from crashdrive.reports import report_names
from faultkit.damage import KINDS
from faultkit.hunt import Hunt, Run, Tally, hunt
from faultkit.memory import Place, Remembered
from faultkit.readers import readers
from faultkit.subjects import Subject, of_reader, of_reports
from faultkit.support import Support
from faultkit.trust import Done, page, table

DOCS = Path(__file__).resolve().parents[2] / "docs" / "trust.md"

HELP = """Take each page that a report or a reader reads away once, and see whether it says so.

It runs once over the dump as it is, and every page that it reads is remembered. Then it runs again for each
page (or a --sample of them) with that page missing, as an excluded page is; or, with --kind, full of zeros,
of ones, of another page's bytes, or with one bit flipped in a word, a pointer or a count. Rows must be the
same, or be marked as incomplete. Reports are hunted with each of their options; reports and readers are found
by themselves. Exit status 1 where a page was missing without a word, and where damage led to a traceback, a
hang, very much memory, or to rows that nothing supports."""

EXAMPLES = """examples:
  scripts/holes netstat .lab/dumps/6.1-elf-sysrq
  scripts/holes sched.tasks.tasks .lab/dumps/6.1-elf-sysrq
  scripts/holes --reports --sample 50 --kind missing,zeros,pointer .lab/dumps/6.12-elf-sysrq
  scripts/holes --all --damaged 10 --keep holes.jsonl --write .lab/dumps/6.1-elf-sysrq      # docs/trust.md
"""


class Job(NamedTuple):
    """What one process does: of each subject every ``step``th page from ``first`` on."""

    folder: str
    crash: str | None
    reports: tuple[str, ...]
    readers: tuple[str, ...]
    kinds: tuple[str, ...]
    sample: int | None
    damaged: int
    seed: int
    show: int
    keep: str | None
    first: int
    step: int


class Kept(NamedTuple):
    """A result in the file of --keep: ``first`` and ``step`` of its job."""

    first: int
    step: int
    done: Done


def main() -> int:
    """Run the hunt."""
    options = _options()
    reports, others = _wanted(options)
    unknown = sorted(set(options.name) - set(reports) - set(others))
    if unknown or not (reports or others):
        there = ", ".join(sorted({*report_names(), *_reader_names()}))
        named = ", ".join(unknown) or "named"
        print(f"scripts/holes: no report or reader {named}; there are: {there}", file=sys.stderr)
        return 2
    jobs = [
        Job(
            options.dump, options.crash, reports, others, options.kind, options.sample,
            options.damaged, options.seed, options.show, options.keep, first, options.jobs,
        )
        for first in range(options.jobs)
    ]  # fmt: skip
    try:
        done = list(_together(_all(jobs)))
    except CrashdriveError as error:
        print(f"scripts/holes: {error}", file=sys.stderr)
        return error.exit_status
    print(table(done), end="")
    for each in done:
        _tell(each, options.show, sys.stdout)
    if options.write:
        known = {*report_names(), *_reader_names()}
        before = DOCS.read_text(encoding="utf-8")
        DOCS.write_text(page(done, Path(options.dump).name, before, known), encoding="utf-8")
    return 1 if any(each.bad for each in done) else 0


def _tell(done: Done, most: int, stream: TextIO) -> None:
    """Examples of what must not be."""
    for run in done.bad[:most]:
        print(
            f"{done.name}: {run.kind} {run.place}: {run.outcome}: {run.detail[:400]}", file=stream, flush=True
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/holes", description=HELP, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", nargs="*", metavar="NAME", help="reports and readers to hunt through")
    parser.add_argument("dump", metavar="DUMP", help="a folder with vmlinux and vmcore")
    parser.add_argument("--all", action="store_true", help="all reports and all readers")
    parser.add_argument("--reports", action="store_true", help="all reports")
    parser.add_argument("--readers", action="store_true", help="all readers of crashdrive.linux")
    parser.add_argument("--crash", help="the crash binary")
    parser.add_argument("--kind", type=_kinds, default=("missing",), help=f"of {', '.join(KINDS)} (missing)")
    parser.add_argument("--sample", type=int, help="so many pages of each, by chance; else all")
    parser.add_argument(
        "--damaged", type=int, default=0, metavar="N", help="so many pages of each with every other kind too"
    )
    parser.add_argument(
        "--keep",
        metavar="FILE",
        help="results go here as they come; what is there and as large isn't run again",
    )
    parser.add_argument("--seed", type=int, default=0, help="other pages, other damage")
    parser.add_argument("--show", type=int, default=3, help="examples of what must not be, of each")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a crash of its own")
    parser.add_argument("--write", action="store_true", help="put the results into docs/trust.md")
    return parser.parse_intermixed_args()


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if not set(kinds) <= KINDS.keys():
        raise argparse.ArgumentTypeError(f"kinds are: {', '.join(KINDS)}")
    return kinds


def _reader_names() -> set[str]:
    return {made.function.name for made in readers()}


def _wanted(options: argparse.Namespace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of reports, and of readers."""
    reports, others = set(report_names()), _reader_names()
    if not (options.all or options.reports):
        reports &= set(options.name)
    if not (options.all or options.readers):
        others &= set(options.name)
    return tuple(sorted(reports)), tuple(sorted(others))


def _all(jobs: Sequence[Job]) -> Iterator[Done]:
    """The jobs' results."""
    if len(jobs) == 1:
        yield from work(jobs[0])
        return
    # a session belongs to the process that opened it: nothing is forked
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(jobs), mp_context=context) as pool:
        for done in pool.map(work, jobs):
            yield from done


def work(job: Job) -> list[Done]:
    """One job."""
    folder = Path(job.folder)
    binaries = [job.crash] if job.crash else None
    # an answer that is kept from before would be the same whatever is missing
    with open_dump(folder / "vmlinux", folder / "vmcore", crash=binaries, cache=False) as crash:
        found = of_reports(crash, job.reports) if job.reports else []
        found += [of_reader(made) for made in readers() if made.function.name in job.readers]
        kept = _kept(job)
        return [_known(made, kept) or _done(made, job) for made in hunts(crash, found)]


def _kept(job: Job) -> dict[str, Done]:
    """What this job has done already, by name."""
    if job.keep is None or not Path(job.keep).exists():
        return {}
    lines = Path(job.keep).read_bytes().splitlines()
    kept = [msgspec.json.decode(line, type=Kept) for line in lines]
    return {one.done.name: one.done for one in kept if (one.first, one.step) == (job.first, job.step)}


def _known(made: Hunt, kept: dict[str, Done]) -> Done | None:
    """What came of a subject before, if it reads as many pages now."""
    done = kept.get(made.subject.name)
    return done if done is not None and done.of == len(made.readable()) else None


def hunts(crash: Crash, subjects: Iterable[Subject], remembered: Remembered | None = None) -> Iterator[Hunt]:
    """A hunt for each subject that reads or says anything else than those before it.

    All read the whole memory first: what is known of its structures is what all of them find. One that can't
    be read whole is told of, and left out; so is one that was given what it isn't meant for, and has gaps.
    """
    remembered = remembered or Remembered()
    supports: dict[str, Support] = {}
    seen: dict[str, list[Hunt]] = {}
    for subject in subjects:
        support = supports.setdefault(subject.of, Support())
        try:
            made = Hunt(crash, subject, remembered, support)
        except CrashdriveError as error:
            print(f"{subject.name}: not hunted: {error}", file=sys.stderr)
            continue
        if subject.guessed and not made.baseline.complete:
            print(f"{subject.name}: not hunted: incomplete with what it was given", file=sys.stderr)
            continue
        alike = seen.setdefault(subject.of, [])
        if not any(made.is_like(other) for other in alike):
            alike.append(made)
    yield from (made for alike in seen.values() for made in alike)


def _done(made: Hunt, job: Job) -> Done:
    places = chosen(made, job.sample, job.seed)[job.first :: job.step]
    tally = hunt(made, places, job.kinds, seed=job.seed)
    if job.damaged:
        some = chosen(made, job.damaged, job.seed)[job.first :: job.step]
        tally.join(hunt(made, some, [kind for kind in KINDS if kind not in job.kinds], seed=job.seed))
    name = made.subject.name
    print(f"{name}: {len(places)} pages, {tally.seconds:.0f} s", file=sys.stderr, flush=True)
    done = Done(name, len(places), len(made.readable()), _counts(tally), tuple(tally.bad), tally.seconds)
    _tell(done, job.show, sys.stderr)
    if job.keep is not None:
        with Path(job.keep).open("ab") as file:
            file.write(msgspec.json.encode(Kept(job.first, job.step, done)) + b"\n")
    return done


def chosen(made: Hunt, sample: int | None, seed: int) -> list[Place]:
    """The pages to take away: all, or some by chance."""
    places = made.readable()
    if sample is None or sample >= len(places):
        return places
    return random.Random(seed).sample(places, sample)  # noqa: S311 - repeatable, no secret


def _counts(tally: Tally) -> dict[str, dict[str, int]]:
    return {kind: dict(counts) for kind, counts in tally.counts.items()}


def _together(parts: Iterable[Done]) -> Iterator[Done]:
    """The parts of each subject as one."""
    found: dict[str, list[Done]] = {}
    for part in parts:
        found.setdefault(part.name, []).append(part)
    for name, several in found.items():
        counts: dict[str, Counter[str]] = {}
        bad: list[Run] = []
        for part in several:
            bad += part.bad
            for kind, outcomes in part.counts.items():
                counts.setdefault(kind, Counter()).update(outcomes)
        yield Done(
            name,
            sum(part.pages for part in several),
            several[0].of,
            {kind: dict(outcomes) for kind, outcomes in counts.items()},
            tuple(bad),
            sum(part.seconds for part in several),
        )
