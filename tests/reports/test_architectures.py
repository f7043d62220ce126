"""Recorded sessions of other architectures: the same reports, held against what their guests said."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessionkit import (
    FOREIGN_CASES,
    FOREIGN_RECORDED,
    Case,
    differences,
    document,
    expected,
    foreign_folders,
)

from crashdrive.crash import Crash
from tests.reports.foreign_truth import (
    check_memory_of_processes,
    check_sockets,
    check_stacks,
    check_verdict,
)

AGAIN = "where that is right, scripts/record --sessions --expect takes it over"
MOST_BYTES = 1_100_000


@pytest.fixture(scope="module", params=foreign_folders(), ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_all_are_there_and_small() -> None:
    assert [folder.name for folder in foreign_folders()] == ["-".join(one) for one in FOREIGN_RECORDED]
    for folder in foreign_folders():
        assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("case", FOREIGN_CASES, ids=lambda case: case.name)
def test_reports_are_what_is_expected(crash: Crash, folder: Path, case: Case) -> None:
    found = document(crash.run_report(case.report, **case.options))
    assert not list(differences(expected(folder)[case.name], found)), AGAIN


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_sockets_are_those_of_proc(crash: Crash, truth: Path, name: str) -> None:
    check_sockets(crash, truth / "proc", name)


def test_stacks_are_those_of_proc(crash: Crash, truth: Path) -> None:
    check_stacks(crash, truth / "proc")


def test_registers_that_a_recording_lacks_are_told(crash: Crash) -> None:
    """They are in the dump's header, and crash's own words for those of arm64 aren't read."""
    for name in ("panic", "stacks"):
        report = crash.run_report(name)
        assert not report.complete
        assert "the dump has no registers of CPU" in report.warnings[0].message


def test_the_verdict(crash: Crash) -> None:
    check_verdict(crash)


def test_memory_of_processes(crash: Crash) -> None:
    check_memory_of_processes(crash)
