"""``scripts/holes``: the command line of the hunt, and the table that it writes into docs/trust.md."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from sessionkit import all_cases

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import CrashdriveError
from faultkit.damage import KINDS
from faultkit.hunt import Hunt, Run, Tally, hunt
from faultkit.memory import Place

CASES = all_cases()
DOCS = Path(__file__).resolve().parents[2] / "docs" / "trust.md"

HELP = """Take each page that a report reads away once, and see whether the report says so.

A report runs once over the dump as it is, and every page that it reads is remembered. Then it runs again for
each page (or a --sample of them) with that page missing, as an excluded page is; or, with --kind, full of
zeros, of ones, of another page's bytes, or with one bit flipped. Rows must be the same, or the report must be
marked incomplete. Exit status 1 where a page was missing without a word, and where any damage led to a
traceback or a hang."""

EXAMPLES = """examples:
  scripts/holes netstat .lab/dumps/6.1-elf-sysrq
  scripts/holes --all --sample 50 --kind missing,zeros,flip .lab/dumps/6.12-elf-sysrq
  scripts/holes --all --jobs 2 --write .lab/dumps/6.1-elf-sysrq      # all pages: writes docs/trust.md
"""


class Job(NamedTuple):
    """What one process does: every ``step``th page of a case from ``first`` on."""

    folder: str
    crash: str | None
    case: int
    kinds: tuple[str, ...]
    sample: int | None
    seed: int
    first: int
    step: int


class Done(NamedTuple):
    """What came of a case, or a part of it: counts by kind and outcome."""

    case: int
    pages: int
    counts: dict[str, dict[str, int]]
    bad: tuple[Run, ...]
    seconds: float


def main() -> int:
    """Run the hunt."""
    options = _options()
    reports = {case.report for case in CASES}
    wanted = [i for i, case in enumerate(CASES) if options.all or case.report in options.report]
    unknown = sorted(set(options.report) - reports)
    if unknown or not wanted:
        there = ", ".join(sorted(reports))
        print(
            f"scripts/holes: no report {', '.join(unknown) or 'named'}; there are: {there}", file=sys.stderr
        )
        return 2
    jobs = [
        Job(
            options.dump, options.crash, case, options.kind, options.sample, options.seed, first, options.jobs
        )
        for case in wanted
        for first in range(options.jobs)
    ]
    try:
        done = list(_together(_all(jobs, options.jobs)))
    except CrashdriveError as error:
        print(f"scripts/holes: {error}", file=sys.stderr)
        return error.exit_status
    print(table(done), end="")
    for each in done:
        for run in each.bad[: options.show]:
            print(f"{CASES[each.case].name}: {run.kind} {run.place}: {run.outcome}: {run.detail[:400]}")
    if options.write:
        DOCS.write_text(page(done, Path(options.dump).name, options.sample), encoding="utf-8")
    return 1 if any(each.bad for each in done) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/holes", description=HELP, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("report", nargs="*", metavar="REPORT", help="reports to hunt through")
    parser.add_argument("dump", metavar="DUMP", help="a folder with vmlinux and vmcore")
    parser.add_argument("--all", action="store_true", help="all reports")
    parser.add_argument("--crash", help="the crash binary")
    parser.add_argument("--kind", type=_kinds, default=("missing",), help=f"of {', '.join(KINDS)} (missing)")
    parser.add_argument("--sample", type=int, help="so many pages of each report, by chance; else all")
    parser.add_argument("--seed", type=int, default=0, help="other pages, other damage")
    parser.add_argument("--show", type=int, default=3, help="examples of what must not be, of each report")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a crash of its own")
    parser.add_argument("--write", action="store_true", help="write the table into docs/trust.md")
    return parser.parse_args()


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if not set(kinds) <= KINDS.keys():
        raise argparse.ArgumentTypeError(f"kinds are: {', '.join(KINDS)}")
    return kinds


def _all(jobs: Sequence[Job], processes: int) -> Iterator[Done]:
    """The jobs' results as they come."""
    if processes == 1:
        yield from map(_told, jobs)
        return
    # a session belongs to the process that opened it: nothing is forked
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for future in as_completed([pool.submit(_told, job) for job in jobs]):
            yield future.result()


def _told(job: Job) -> Done:
    done = work(job)
    print(f"{CASES[job.case].name}: {done.pages} pages, {done.seconds:.0f} s", file=sys.stderr, flush=True)
    return done


_OPENED: dict[tuple[str, str | None], Crash] = {}


def work(job: Job) -> Done:
    """One job; a process opens its dump once."""
    key = (job.folder, job.crash)
    if key not in _OPENED:
        folder = Path(job.folder)
        binaries = [job.crash] if job.crash else None
        _OPENED[key] = open_dump(folder / "vmlinux", folder / "vmcore", crash=binaries)
    made = Hunt(_OPENED[key], CASES[job.case])
    places = chosen(made, job.sample, job.seed)[job.first :: job.step]
    tally = hunt(made, places, job.kinds, seed=job.seed)
    return Done(job.case, len(places), _counts(tally), tuple(tally.bad), tally.seconds)


def chosen(made: Hunt, sample: int | None, seed: int) -> list[Place]:
    """The pages to take away: all, or some by chance."""
    places = made.readable()
    if sample is None or sample >= len(places):
        return places
    return random.Random(seed).sample(places, sample)  # noqa: S311 - repeatable, no secret


def _counts(tally: Tally) -> dict[str, dict[str, int]]:
    return {kind: dict(counts) for kind, counts in tally.counts.items()}


def _together(parts: Iterator[Done]) -> Iterator[Done]:
    """The parts of each case as one."""
    found: dict[int, list[Done]] = {}
    for part in parts:
        found.setdefault(part.case, []).append(part)
    for case, several in sorted(found.items()):
        counts: dict[str, Counter[str]] = {}
        for part in several:
            for kind, outcomes in part.counts.items():
                counts.setdefault(kind, Counter()).update(outcomes)
        yield Done(
            case,
            sum(part.pages for part in several),
            {kind: dict(outcomes) for kind, outcomes in counts.items()},
            tuple(run for part in several for run in part.bad),
            sum(part.seconds for part in several),
        )


TITLES = ("same", "marked", "error", "silent", "defect", "hang")


def table(done: Sequence[Done]) -> str:
    """What came of each case, one line for each kind of damage."""
    lines = ["| report | damage | pages | " + " | ".join(TITLES) + " |", "|---|---|" + "---:|" * 7]
    for each in done:
        for kind, outcomes in each.counts.items():
            cells = [str(outcomes.get(title, 0)) for title in TITLES]
            lines.append(f"| {CASES[each.case].name} | {kind} | {each.pages} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_PAGE = """# Why a report can be believed

A dump is never whole: makedumpfile leaves pages out, disks fill up, memory is damaged. What a report reads
and doesn't find has to be said in the report and in its exit status (5), or its rows would lie.

`scripts/holes` tests that. A report runs once over a dump, and each page that it reads is remembered. Then it
runs again once for each of these pages, with that page missing. The columns say what became of these runs:

- same: the same rows, so that nothing of the page was needed;
- marked: other rows, and the report says that it is incomplete, and why;
- error: no report, an error that says why;
- silent: other rows without a word. There must be none, and the tests hold it.

Other damage (`--kind zeros,ones,other,flip`) can't always be noticed: a page of zeros may be a right one.
No damage may lead to a traceback or to a run without end.

Written by `{command}` over the dump `{dump}`. pages: how many of the report's pages were taken away, one at a
time{chance}.

{table}"""


def page(done: Sequence[Done], dump: str, sample: int | None) -> str:
    """docs/trust.md."""
    command = (
        "scripts/holes --all --write" if sample is None else f"scripts/holes --all --write --sample {sample}"
    )
    chance = "" if sample is None else ", chosen by chance"
    return _PAGE.format(command=command, chance=chance, dump=dump, table=table(done))
