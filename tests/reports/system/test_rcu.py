"""RCU as the report has it, against what its own numbers have to say of each other, and how guests died."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sessionkit import DEATH, replayed, report_folders

from crashdrive.records import Report

REPORT = "rcu"
STALLED = [folder for folder in report_folders(REPORT) if "-rcu" in folder.name]
KEPT = [folder for folder in report_folders(REPORT) if "-stalledwork" in folder.name]
WELL = [folder for folder in report_folders(REPORT) if folder not in STALLED + KEPT]


@pytest.fixture(scope="module", params=WELL, ids=lambda folder: folder.name)
def reported(request: pytest.FixtureRequest) -> Report:
    with replayed(request.param) as crash:
        return crash.run_report(REPORT)


def test_the_grace_period(reported: Report) -> None:
    (row,) = reported.table("grace_period").rows
    assert row.flavor in {"rcu_preempt", "rcu_sched"}
    # the count begins at -300
    assert -300 < row.grace_period < 100_000
    # it is cleaned up, or the guest died within it; its thread ran a moment ago
    assert (row.age_seconds is None) is (not row.in_progress)
    assert row.idle_seconds < 2
    assert row.forced_scans > 0
    if not row.in_progress:
        assert row.held_up_cpus == ()


def test_cpus(reported: Report) -> None:
    (period,) = reported.table("grace_period").rows
    rows = reported.table("cpus").rows
    assert [row.cpu for row in rows] == [0, 1]
    for row in rows:
        assert row.holds_up is (row.cpu in period.held_up_cpus)
        assert row.grace_periods_behind <= 1
        assert 0 <= row.callbacks < 10_000
        assert row.callbacks_run > 1000
        assert row.offload_pid is None


def test_nothing_is_wrong_where_nothing_is(reported: Report) -> None:
    assert reported.complete
    assert not reported.findings
    assert not reported.table("readers").rows


@pytest.mark.parametrize("folder", STALLED, ids=lambda folder: folder.name)
def test_a_grace_period_that_does_not_end(folder: Path) -> None:
    """The kernel said of which grace period it is, for how many jiffies, and which CPU holds it up."""
    words = "\n".join(json.loads((folder / DEATH).read_text())["words"])
    with replayed(folder) as crash:
        report, hz = crash.run_report(REPORT), crash.kernel.hz
    (row,) = report.table("grace_period").rows
    (ticks,) = re.findall(r"\bt=(\d+) jiffies", words)
    (cpu,) = re.findall(r"rcu: \t(\d+)-", words)
    # the kernel's number has the state of the grace period in its two low bits
    (number,) = re.findall(r"\bg=(\d+)", words)
    assert int(number) >> 2 == row.grace_period
    assert row.in_progress
    assert int(ticks) / hz <= row.age_seconds < int(ticks) / hz + 2
    # what the guest's script set it to
    assert row.stall_timeout == 4
    assert row.held_up_cpus == (int(cpu),)
    assert [one.cpu for one in report.table("cpus").rows if one.holds_up] == [int(cpu)]
    (finding,) = report.findings
    assert finding.kind == "rcu-stall"
    assert f"held up by CPU {cpu}" in finding.evidence[0]


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_a_stall_of_which_the_kernel_does_not_tell(folder: Path) -> None:
    """Its messages are suppressed. Work keeps CPU 1 for 32 seconds; the time-out is the configuration's."""
    with replayed(folder) as crash:
        report = crash.run_report(REPORT)
    (row,) = report.table("grace_period").rows
    assert (row.in_progress, row.stall_timeout, row.held_up_cpus) == (True, 21, (1,))
    assert 21 < row.age_seconds < 40
    assert [one.kind for one in report.findings] == ["rcu-stall"]


def test_there_are_guests_of_both_kinds() -> None:
    assert STALLED
    assert KEPT
    assert len(WELL) == 2
