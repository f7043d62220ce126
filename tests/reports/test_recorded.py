"""Each report, with options, of each recorded session: exactly what is expected, in every format."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dockit.schemas import known_tables, tables_of
from sessionkit import (
    CASES,
    SESSION,
    Case,
    cases,
    differences,
    document,
    expected,
    folders,
    recorded_cases,
    recorded_reports,
    replayed,
    report_folders,
)

from crashdrive.cli import main
from crashdrive.crash import Crash, open_dump
from crashdrive.errors import TranscriptError
from crashdrive.kernel.memory import transfer
from crashdrive.records import Report
from crashdrive.render import FORMATS, Output, render
from crashdrive.reports import report_names
from crashdrive.session.reads import RecordedMemory

# what a text may be laid out with
_LAID_OUT = {ord("\n"): None, ord("\t"): None}
AGAIN = "where that is right, scripts/record --sessions --expect takes it over"


@pytest.fixture(scope="module", params=folders(), ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def crash(folder: Path) -> Iterator[Crash]:
    with open_dump(None, None, replay=folder / SESSION) as opened:
        yield opened


@pytest.fixture(scope="module")
def known(folder: Path) -> dict[str, Any]:
    return expected(folder)


Computed = Callable[[Case], Report]


@pytest.fixture(scope="module")
def computed(crash: Crash) -> Computed:
    """A case's report, computed once for all tests of a recording."""
    kept: dict[str, Report] = {}

    def report(case: Case) -> Report:
        if case.name not in kept:
            kept[case.name] = crash.run_report(case.report, **case.options)
        return kept[case.name]

    return report


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reports(computed: Computed, known: dict[str, Any], case: Case) -> None:
    same(computed(case), known, case)


def test_packets(crash: Crash, known: dict[str, Any]) -> None:
    for case in cases(crash):
        if case not in CASES:
            same(crash.run_report(case.report, **case.options), known, case)


def same(report: Report, known: dict[str, Any], case: Case) -> None:
    found = document(report)
    assert not list(differences(known[case.name], found)), AGAIN
    assert found == known[case.name], AGAIN
    rows = known_tables()[case.report]
    unknown = {name for name, kinds in tables_of(report).items() if not {*kinds} <= {*rows.get(name, ())}}
    assert not unknown, "scripts/schemas --learn, then scripts/docs"


def test_every_report_is_recorded(crash: Crash, known: dict[str, Any]) -> None:
    asked = {case.name for case in cases(crash)}
    assert known.keys() == asked
    assert {name.split()[0] for name in asked} | recorded_reports().keys() == set(report_names())


@pytest.mark.parametrize("name", sorted({case.report for case in CASES}))
def test_every_format(computed: Computed, name: str) -> None:
    """Hostile bytes of the dump don't get through; a terminal's width is kept."""
    in_every_format(computed(Case(name, {})))


def in_every_format(report: Report) -> None:
    for form in FORMATS:
        for width in (None, 80):
            stream = io.StringIO()
            render(report, form, Output(stream, width=width))
            text = stream.getvalue()
            # CSV in a pipe has values as they are; on a terminal they are escaped
            raw = form == "csv" and width is None
            assert raw or text.translate(_LAID_OUT).isprintable()
            assert form == "json" or text.count("\n") >= sum(len(table.rows) for table in report.tables)


OWN = [
    pytest.param(folder, recorded_cases(folder), id=f"{report}-{folder.name}")
    for report in recorded_reports()
    for folder in report_folders(report)
]


@pytest.mark.parametrize(("place", "own"), OWN)
def test_reports_with_recordings_of_their_own(place: Path, own: tuple[Case, ...]) -> None:
    known = expected(place)
    assert known.keys() == {case.name for case in own}
    with replayed(place) as crash:
        for case in own:
            report = crash.run_report(case.report, **case.options)
            same(report, known, case)
            if case is own[0]:
                in_every_format(report)


REPORTS = ("netstat", "routing", "qdisc", "netfilter", "netns")


@pytest.mark.parametrize("name", REPORTS)
def test_memory_in_other_pieces_gives_the_same(
    crash: Crash, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """How reads are put together is no part of a recording."""
    monkeypatch.setattr(transfer, "_MOST_PAGES", 1)
    fresh = Crash(crash.session, keep=False)
    assert document(fresh.run_report(name)) == known[name]


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_that_is_not_recorded_is_an_error_and_no_hole(
    crash: Crash, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    used: dict[tuple[str, int], None] = {}
    part = RecordedMemory._part

    def noted(self: RecordedMemory, space: str, page: int, offset: int, size: int) -> bytes | None:
        used[space, page] = None
        return None if (space, page) == lost else part(self, space, page, offset, size)

    lost: tuple[str, int] | None = None
    monkeypatch.setattr(RecordedMemory, "_part", noted)
    Crash(crash.session, keep=False).run_report(name)
    pages = list(used)
    for lost in pages[:: max(len(pages) // 5, 1)]:
        with pytest.raises(TranscriptError, match=rf"{lost[1] << 12:#x} .* record it again"):
            Crash(crash.session, keep=False).run_report(name)


def test_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", "netstat", "-a", "--replay", str(folder / SESSION), "--format", "jsonl"]
    status = main(words)
    printed = capsys.readouterr()
    assert status == 0, printed.err
    assert printed.out.count('"table":"sockets"') > 300
