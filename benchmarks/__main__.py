"""One benchmark: what a question costs, asked in eight ways, of the same dumps in one run."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks import chart
from benchmarks.budget import Budget
from benchmarks.cases import Case, cases
from benchmarks.extras import Extras, extras
from benchmarks.given import dump_folder, fail
from benchmarks.goals import unreached
from benchmarks.machine import crash_version, machine
from benchmarks.measure import HERE, PATIENCE, Figure, Run
from benchmarks.results import Asked, OnDump, Results, goals_of, markdown, show
from benchmarks.ways import FAILURES, OURS, WAYS, Setting, Ways, figure

_DUMPS = HERE / ".lab/dumps"
_QUICK = ("start", "netstat", "blocked", "mixed")
_GROW = {"netstat": "sockets", "stuck": "sockets", "bt": "tasks", "stacks": "tasks", "blocked": "tasks"}
_LATE = "no time was left"
_HELP = """Asks the same questions of the same dumps in eight ways, in turns; medians.

ways:
  naive     a program as one writes it first: pexpect's defaults, crash's text,
            a structure at a time; of many alike things 20, which is said
  crash     crash -s -i FILE
  drgn      drgn, whole process
  first     crashdrive with an empty cache
  known     with the kernel's types known, and how it starts; no answer kept
  prepared  after `crashdrive prepare` alone
  warm      in a `crashdrive session`
  kept      asked before

Seconds are those of whole processes: by the clock, and of the processor with
all that the process started. On a machine that does other work compare the
latter, and ratios.

It ends after --minutes: what has no time for all runs gets fewer, which is
said, and one at least while there is time at all. Behind the tables stands
what is to be reached, with what was found. Exit status 1: a way failed, or a
goal wasn't reached.

examples:
  python -m benchmarks --quick
  python -m benchmarks --dump .lab/dumps/6.1-elf-sysrq -o figures

growth over sockets (2 GB of disk; each connection is two) and tasks, too:
  scripts/lab dump --format elf --connections 19750 --thash-entries 131072 \\
      --memory 2048 --name 6.1-elf-big
  python -m benchmarks --dump .lab/dumps/6.1-elf-sysrq \\
      --dump .lab/dumps/6.1-elf-tasks --dump .lab/dumps/6.1-elf-big -o figures
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [case.name for case in cases()]
    parser.add_argument(
        "--case", action="append", choices=known, metavar="CASE", help=f"only this one: {', '.join(known)}"
    )
    parser.add_argument(
        "--way", action="append", choices=list(WAYS), metavar="WAY", help="only this one of the ways above"
    )
    parser.add_argument(
        "--dump", action="append", type=Path, metavar="DIR", help="folder with vmlinux and vmcore"
    )
    parser.add_argument("--crash", help="crash binary (default: the laboratory's 8.0.6, else PATH's)")
    parser.add_argument(
        "--runs", type=int, default=5, help="of each; the median counts (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=90.0, help="the most that all may take (default: %(default).0f)"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"{', '.join(_QUICK)}; 3 runs, 40 mixed commands"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="JSON, SVG and Markdown into this folder"
    )
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    if options.minutes <= 0:
        parser.error("--minutes: more than 0")
    return options


def main() -> int:
    """Measure, show, write; 1 where a way failed or a goal isn't reached."""
    options = _options()
    dumps = options.dump or [_DUMPS / "6.1-elf-sysrq"]
    for dump in dumps:
        dump_folder(dump)
    crash = _crash(options.crash)
    if crash is None:
        fail("no crash: name one by --crash")
    runs = min(options.runs, 3) if options.quick else options.runs
    wanted = options.case or (_QUICK if options.quick else None)
    chosen = [case for case in cases(40 if options.quick else 200) if wanted is None or case.name in wanted]
    ways = options.way or list(WAYS)
    about = machine()
    whole = not (options.quick or options.case or options.way)
    budget, more = Budget(60 * options.minutes), Extras()
    found: list[OnDump] = []
    for dump in dumps:
        # the first one has what goals ask for besides, half as much again
        budget.divide(len(chosen) * (len(dumps) - len(found)) + (len(chosen) // 2 if not found else 0))
        beside = more if whole and not found else None
        found.append(_on_dump(dump, crash, chosen, ways, runs, budget, beside))
    goals = goals_of(found, more.seconds) if whole else []
    results = Results(machine=about, runs=runs, dumps=found, goals=goals, missing=more.failed)
    show(results)
    if options.output is not None:
        write(results, options.output)
    failed = bool(more.failed) or any(asked.failed for one in found for asked in one.cases)
    return int(failed or bool(unreached(goals)))


def _crash(named: str | None) -> str | None:
    if named:
        return str(Path(named).absolute()) if Path(named).is_file() else None
    lab = HERE / ".lab/crash/8.0.6/crash"
    return str(lab) if lab.exists() else shutil.which("crash")


def _on_dump(
    dump: Path, crash: str, chosen: Sequence[Case], ways: Sequence[str], runs: int, budget: Budget,
    beside: Extras | None,
) -> OnDump:  # fmt: skip
    """All cases on a dump; ``beside`` is filled with what goals ask for, where it is given."""
    with tempfile.TemporaryDirectory(prefix="crashdrive-benchmarks-") as folder:
        files = [str((dump / name).absolute()) for name in ("vmlinux", "vmcore")]
        setting = Setting(vmlinux=files[0], vmcore=files[1], crash=crash, folder=Path(folder))
        runner = Ways(setting, lambda: budget.patience(PATIENCE))
        try:
            asked = [_asked(runner, dump.name, case, ways, runs, budget) for case in chosen]
            if beside is not None:
                made = extras(runner, runs, budget, lambda what: _say(f"{dump.name}: {what}"))
                beside.seconds, beside.failed = made.seconds, made.failed
            try:
                sizes = runner.sizes()
            except FAILURES:
                sizes = {}  # a dump that can't be read says so in each case
        finally:
            runner.close()
    return OnDump(dump=dump.name, crash=crash_version(crash), sizes=sizes, cases=asked)


def _asked(runner: Ways, dump: str, case: Case, ways: Sequence[str], runs: int, budget: Budget) -> Asked:
    """A case: one run of each way after the other, so often, so that a busy minute hits all alike."""
    mine = [way for way in ways if runner.has(way, case)]
    if budget.over:
        return Asked(case=case.name, title=case.title, figures={}, failed=dict.fromkeys(mine, _LATE))
    done: dict[str, list[Run]] = {way: [] for way in mine}
    failed: dict[str, str] = {}
    _say(f"{dump}: {case.title}: what has to be there before")
    try:
        runner.prepare(case, mine)
    except FAILURES as error:
        failed |= {way: str(error) for way in mine if way in OURS}
    for number in budget.rounds(runs):
        for way in mine:
            if way in failed or (number and budget.over):
                continue
            _say(f"{dump}: {case.title}: {WAYS[way]}, {number + 1} of {runs}")
            try:
                if budget.over:
                    raise TimeoutError(_LATE)
                done[way].append(runner.once(way, case))
            except FAILURES as error:
                failed[way] = str(error)
    figures = _figures(runner, case, {way: done[way] for way in mine if way not in failed}, failed)
    return Asked(case=case.name, title=case.title, figures=figures, failed=failed, than=case.than)


def _figures(
    runner: Ways, case: Case, done: Mapping[str, list[Run]], failed: dict[str, str]
) -> dict[str, Figure]:
    """What each way's runs come to; ``failed`` is told of those that come to nothing."""
    figures: dict[str, Figure] = {}
    for way, runs in done.items():
        try:
            figures[way] = figure(runner, way, case, runs)
        except FAILURES as error:
            failed[way] = str(error)
    return figures


def write(results: Results, folder: Path) -> None:
    """The document, its page and its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {f"bars-{one.dump}.svg": chart.bars(one) for one in results.dumps}
    pictures |= {f"growth-{name}.svg": _growth(results, name, what) for name, what in _GROW.items()}
    drawn = {name: picture for name, picture in pictures.items() if picture}
    for name, picture in drawn.items():
        (folder / name).write_text(picture)
    (folder / "benchmarks.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    (folder / "benchmarks.md").write_text(markdown(results, list(drawn)))
    _say(f"written: {folder}/benchmarks.json, benchmarks.md, {', '.join(drawn)}")


def _growth(results: Results, name: str, what: str) -> str:
    points: dict[str, list[tuple[int, float]]] = {}
    for one in results.dumps:
        for asked in one.cases:
            for way, found in asked.figures.items() if asked.case == name else ():
                points.setdefault(way, []).append((one.sizes.get(what, 0), found.processor))
    return chart.lines(f"{name}: seconds of processor over {what}", what, points)


def _say(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
    else:
        sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nbenchmarks: interrupted\n")
        sys.exit(130)
