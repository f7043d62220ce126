"""Each page that a report or a reader reads missing once: the same rows, or a mark; other damage (`support`).

A sample by chance, in CI another one for each state of the package, or by CRASHDRIVE_FAULTS_SEED. All pages
take ``scripts/holes``, which also hunts what recorded sessions have no answers for.
"""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from faultkit import SEED, cli
from faultkit.damage import KINDS
from faultkit.hunt import Hunt, Tally, TooLongError, difference, is_bad, limited
from faultkit.memory import Remembered
from faultkit.readers import functions, readers
from faultkit.subjects import (
    Subject,
    known_cases,
    missing_cases,
    of_case,
    of_reader,
    of_reports,
    rows_once,
    unknown_options,
)
from faultkit.trust import Done, page
from faultkit.watch import Watch
from sessionkit import Case, folders, recorded_reports, replayed, report_folders

from crashdrive.crash import Crash, open_dump
from crashdrive.reports import report_names
from tests.live.conftest import crash_binary, dump_file

# all reports and readers in one fixture; each run has a limit of its own
pytestmark = pytest.mark.timeout(1800)
# recordings of a report that has its own; scripts/holes takes all
RECORDINGS = 2
# pages of each report and reader; of slow ones less
MISSING, DAMAGED = 2, 1
SLOW = frozenset({"ps", "sysctl", "sysctl.tables.names", "netsummary", "netfilter"})


class Hunted(NamedTuple):
    """What came of the hunts on a dump; what its record has no answers for, and options without a case."""

    missing: list[Tally]
    damaged: list[Tally]
    unrecorded: frozenset[str]
    unknown: dict[str, list[str]]


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """The readers that no hunt calls by itself."""
    called = {made.function.call for made in readers()}
    with Watch({one.name: one.call for one in functions() if one.call not in called}) as watch:
        yield watch


@pytest.fixture(scope="module")
def everything(watch: Watch) -> list[Hunted]:
    """Each of the dumps with its share of the subjects: all of them on both would take twice the time.

    One after the other: many dumps that are open at a time take much memory. Of a report's own recordings
    two in a row, by the seed: each has structures that others lack. The others are read as they are where
    readers have not run that may belong to these structures.
    """
    assert watch.unseen
    found, left = [], []
    for number, folder in enumerate(folders()):
        with replayed(folder) as crash:
            common = [name for name in report_names() if name not in recorded_reports()]
            every = [*of_reports(crash, common), *map(of_reader, readers())]
            found.append(
                _hunted(crash, every[(SEED + number) % len(folders()) :: len(folders())], set(common))
            )
    for report in recorded_reports():
        there = report_folders(report)
        turned = [there[(SEED + number) % len(there)] for number in range(len(there))]
        for number, folder in enumerate(turned[:RECORDINGS]):
            with replayed(folder) as crash:
                found.append(_hunted(crash, of_reports(crash, [report]), set() if number else {report}))
        left.append(turned[RECORDINGS:])
    for folder in itertools.chain(*sorted(left, key=len, reverse=True)):
        if alone(watch, found):
            with replayed(folder) as crash:
                list(cli.hunts(crash, of_reports(crash, [folder.parent.name])))
    return found


def _hunted(crash: Crash, subjects: list[Subject], reports: set[str]) -> Hunted:
    """``reports``: whose options are looked at."""
    hunts = list(cli.hunts(crash, subjects))
    hunted = {made.subject.of for made in hunts}
    return Hunted(
        tried(hunts, ["missing"], MISSING),
        tried(hunts, [kind for kind in KINDS if kind != "missing"], DAMAGED),
        frozenset({one.of for one in subjects} - hunted),
        {
            name: unknown_options(name, known_cases(crash, name), rows_once(crash, name))
            for name in reports & hunted
        },
    )


def alone(watch: Watch, found: list[Hunted]) -> list[str]:
    """Readers that no hunt came to, but those of modules whose others the dumps have no answers for."""
    unrecorded = {name for hunted in found for name in hunted.unrecorded}
    return [
        name
        for name in watch.unseen
        if not any(other.startswith(name.rpartition(".")[0]) for other in unrecorded)
    ]


def tried(hunts: list[Hunt], kinds: list[str], most: int) -> list[Tally]:
    """Some pages of each subject, each with one of these kinds of damage."""
    tallies = []
    for made in hunts:
        # each subject has its own: what others read doesn't change it
        dice = random.Random(f"{SEED} {made.subject.name}")  # noqa: S311 - repeatable, no secret
        places = cli.chosen(made, 1 if made.subject.of in SLOW else most, dice.randrange(1 << 32))
        tally = Tally(made.subject.name)
        for place in places:
            tally.add(made.run(place, dice.choice(kinds), SEED))
        tallies.append(tally)
    return tallies


def told(tallies: list[Tally]) -> str:
    """What must not be, and how to see it again."""
    lines = [f"CRASHDRIVE_FAULTS_SEED={SEED}"]
    lines += [
        f"{tally.name}: {run.kind} {run.place}: {run.outcome}: {run.detail[:500]}"
        for tally in tallies
        for run in tally.bad
    ]
    return "\n".join(lines)


def test_a_missing_page_changes_no_row_without_a_word(everything: list[Hunted]) -> None:
    tallies = [tally for hunted in everything for tally in hunted.missing]
    assert sum(counts["marked"] for tally in tallies for counts in tally.counts.values()) > len(tallies) // 10
    assert not any(tally.bad for tally in tallies), told(tallies)


def test_damage_leads_to_no_traceback_no_hang_and_no_row_of_nothing(everything: list[Hunted]) -> None:
    tallies = [tally for hunted in everything for tally in hunted.damaged]
    assert not any(tally.bad for tally in tallies), told(tallies)


def test_every_reader_is_hunted(everything: list[Hunted], watch: Watch) -> None:
    """By itself, or by what calls it: one that nobody calls, and that can't be called, is found here."""
    missed = alone(watch, everything)
    assert not missed, f"no hunt comes to {', '.join(missed)}: see scripts/faultkit/readers.py"


def test_every_option_is_hunted(everything: list[Hunted]) -> None:
    for name in report_names():
        unknown = next(one.unknown[name] for one in everything if name in one.unknown)
        assert not unknown, f"{name} has options that nobody tries: its recorded cases need {unknown}"


@pytest.fixture
def first() -> Iterator[Crash]:
    """One of the recorded dumps."""
    with replayed(folders()[0]) as crash:
        yield crash


def test_a_report_that_is_new_is_hunted_with_each_of_its_options(first: Crash) -> None:
    found = list(missing_cases("neighbours", [], rows_once(first, "neighbours")))
    assert found[0] == Case("neighbours", {})
    assert Case("neighbours", {"six": True}) in found
    assert any("netns" in case.options for case in found)


def test_a_lie_is_found(first: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hunt itself: a report that marks nothing is caught."""
    made = Hunt(first, of_case(Case("netns", {})))
    monkeypatch.setattr(
        "crashdrive.linux.net.survey.Survey.miss", lambda _survey, _notices, **_complete: None
    )
    runs = [run for run in made.runs(made.readable()[::4], ["missing"]) if is_bad(run)]
    assert runs
    assert {run.outcome for run in runs} <= {"silent", "defect"}


def test_rows_of_nothing_are_found(first: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that is followed wherever its pointers lead gives rows that aren't marked."""
    made = Hunt(first, of_case(Case("netstat", {"all": True})))
    monkeypatch.setattr("crashdrive.kernel.structures.walk.Chains._is_node", lambda *_: True)
    runs = made.runs(made.readable()[::4], ["pointer"])
    assert any(run.outcome == "unsupported" for run in runs)


def test_pages_that_are_missing_together_are_those_that_nobody_needs() -> None:
    """A run without many pages stands for each of them alone."""
    with replayed(folders()[0]) as crash:
        made = Hunt(crash, of_case(Case("neighbours", {"all": True})))
        some = made.readable()[::4]
        together = [(run.place, run.outcome) for run in made.missing(some)]
        assert together == [(place, made.run(place, "missing").outcome) for place in some]
    assert {outcome for _, outcome in together} == {"same", "marked"}


def test_a_run_without_end_is_ended() -> None:
    def spin() -> None:
        while True:
            pass

    # pytest's own limit goes on behind it
    own = signal.getitimer(signal.ITIMER_REAL)[0]
    assert own > 0
    with pytest.raises(TooLongError), limited(0.05):
        spin()
    with pytest.raises(TooLongError), limited(0.001):
        time.sleep(60)
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < own


def done(name: str, **outcomes: int) -> Done:
    return Done(name, 7, 9, {"missing": outcomes, "flip": {"same": 2}, "zeros": {"same": 1}}, (), 0.5)


def test_the_page_keeps_what_was_not_hunted_again() -> None:
    known = {"ps", "netns", "net.read"}
    before = page(
        [done("net.read", same=7), done("netns", same=7), done("ps pid=1", same=7), done("gone")],
        "a dump", "", {*known, "gone"},
    )  # fmt: skip
    after = page([done("ps pid=2", marked=4, same=3)], "a dump", before, known)
    lines = [line for line in after.splitlines() if line.startswith("| `")]
    assert lines == [
        "| `netns` | 7 | 9 | 7 | 0 | 0 | 0 |",
        "| `ps pid=2` | 7 | 9 | 3 | 4 | 0 | 0 |",
        "| `net.read` | 7 | 9 | 7 | 0 | 0 | 0 |",
        "| `netns` | 3 | 3 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        "| `ps pid=2` | 3 | 3 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        "| `net.read` | 3 | 3 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
    ]


def test_differences_are_told_by_their_place() -> None:
    one = {"tables": {"sockets": [{"state": "LISTEN"}, {"state": "CLOSE"}]}}
    other = {"tables": {"sockets": [{"state": "LISTEN"}, {"state": None}]}}
    assert difference(one, other) == "/tables/sockets[1]/state: 'CLOSE' became None"
    assert difference(["a", "b"], ["a"]) == ": 2 rows became 1"


def test_of_a_dump_that_has_holes_another_page_is_noticed() -> None:
    """A node that is missing now hides one that was missing before: the notice is the same."""
    with replayed(report_folders("timers")[0]) as crash:
        made = Hunt(crash, of_case(Case("timers", {})), Remembered(0.05, seed=1))
        assert not made.baseline.complete
        runs = list(made.runs(made.readable(), ["missing"]))
    assert {run.outcome for run in runs} <= {"same", "marked", "error"}, [r for r in runs if is_bad(r)]


@pytest.mark.live
@pytest.mark.parametrize("dump", ["6.1-kdump-sysrq", "6.12-kdump-holes"])
def test_of_a_dump_that_has_holes(dump: str) -> None:
    """Missing pages of a dump just made; other damage is tried on recordings, which stay as they are."""
    vmcore = dump_file(dump)
    binary = crash_binary("8.0.6")
    with open_dump(Path(vmcore).parent / "vmlinux", vmcore, crash=[str(binary)], cache=False) as opened:
        found = [*of_reports(opened, ("netstat", "routing", "netns")), *map(of_reader, readers())]
        tallies = tried(list(cli.hunts(opened, found)), ["missing"], 4)
        assert not any(tally.bad for tally in tallies), told(tallies)
