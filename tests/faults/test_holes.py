"""Each page that a report reads missing once: the same rows, or a mark. Other damage: no traceback, no hang.

A sample by chance, the same in each run; ``scripts/holes`` takes all pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultkit.cli import chosen
from faultkit.damage import KINDS
from faultkit.hunt import Hunt, Tally, difference, hunt, is_bad
from faultkit.memory import Remembered
from sessionkit import CASES, SESSION, Case, folders, recorded_reports, replayed, report_folders

from crashdrive.crash import Crash, open_dump
from tests.live.conftest import crash_binary, dump_file

# sysctl takes a second and reads what others read one by one
SLOW = {"sysctl": 4, "netsummary": 4, "netfilter": 4}
SAMPLE = 8


@pytest.fixture(scope="module", params=folders(), ids=lambda folder: folder.name)
def crash(request: pytest.FixtureRequest) -> Iterator[Crash]:
    with open_dump(None, None, replay=request.param / SESSION) as opened:
        yield opened


@pytest.fixture(scope="module")
def remembered(crash: Crash) -> Remembered:
    """Pages of the dump, for all tests on it."""
    del crash
    return Remembered()


def told(tally: Tally) -> str:
    return "\n".join(f"{run.kind} {run.place}: {run.outcome}: {run.detail[:500]}" for run in tally.bad)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_missing_page_changes_no_row_without_a_word(
    crash: Crash, remembered: Remembered, case: Case
) -> None:
    made = Hunt(crash, case, remembered)
    places = chosen(made, SLOW.get(case.report, SAMPLE), seed=1)
    assert places or not made.places
    tally = hunt(made, places, ["missing"])
    assert not tally.bad, told(tally)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_damage_leads_to_no_traceback_and_no_hang(crash: Crash, remembered: Remembered, case: Case) -> None:
    made = Hunt(crash, case, remembered)
    places = chosen(made, SLOW.get(case.report, SAMPLE) // 4, seed=2)
    tally = hunt(made, places, [kind for kind in KINDS if kind != "missing"])
    assert not tally.bad, told(tally)


OWN = [
    pytest.param(folder, case, id=f"{folder.name}-{case.name}")
    for report, own in recorded_reports().items()
    for folder in report_folders(report)
    for case in own
]


@pytest.mark.parametrize(("place", "case"), OWN)
def test_reports_with_recordings_of_their_own(place: Path, case: Case) -> None:
    with replayed(place) as opened:
        made = Hunt(opened, case, Remembered())
        places = chosen(made, SAMPLE, seed=1)
        for tally in (
            hunt(made, places, ["missing"]),
            hunt(made, places[:2], [k for k in KINDS if k != "missing"]),
        ):
            assert not tally.bad, told(tally)


def test_a_lie_is_found(crash: Crash, remembered: Remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hunt itself: a report that marks nothing is caught."""
    case = Case("netns", {})
    made = Hunt(crash, case, remembered)
    monkeypatch.setattr(
        "crashdrive.linux.net.survey.Survey.miss", lambda _survey, _notices, **_complete: None
    )
    runs = [run for run in made.runs(made.readable()[::4], ["missing"]) if is_bad(run)]
    assert runs
    assert {run.outcome for run in runs} <= {"silent", "defect"}


def test_differences_are_told_by_their_place() -> None:
    one = {"tables": {"sockets": [{"state": "LISTEN"}, {"state": "CLOSE"}]}}
    other = {"tables": {"sockets": [{"state": "LISTEN"}, {"state": None}]}}
    assert difference(one, other) == "/tables/sockets[1]/state: 'CLOSE' became None"
    assert difference(["a", "b"], ["a"]) == ": 2 rows became 1"


@pytest.mark.live
@pytest.mark.parametrize("dump", ["6.1-kdump-sysrq", "6.12-kdump-holes"])
def test_of_a_dump_that_has_holes(dump: str) -> None:
    vmcore = dump_file(dump)
    binary = crash_binary("8.0.6")
    with open_dump(Path(vmcore).parent / "vmlinux", vmcore, crash=[str(binary)]) as opened:
        for report in ("netstat", "routing", "netns"):
            made = Hunt(opened, Case(report, {}))
            tally = hunt(made, chosen(made, 10, seed=3), ["missing", "flip"])
            assert not tally.bad, told(tally)
