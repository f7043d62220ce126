"""Calls between CPUs: in guests where a CPU waits for another one, and in one where all is well."""

from __future__ import annotations

from typing import Any

import pytest
from sessionkit import replayed, report_folders

from crashdrive.errors import FaultError
from crashdrive.linux.smp import calls
from crashdrive.records import Report

REPORT = "smp"
STUCK = [folder for folder in report_folders(REPORT) if "csdlock" in folder.name]
WELL = [folder for folder in report_folders(REPORT) if "csdlock" not in folder.name]


def reported(folder: Any) -> Report:
    with replayed(folder) as crash:
        return crash.run_report(REPORT)


@pytest.mark.parametrize("folder", STUCK, ids=lambda folder: folder.name)
def test_who_waits_for_which_cpu(folder: Any) -> None:
    report = reported(folder)
    assert report.complete
    (call,) = (row for row in report.table("calls").rows if row.waits)
    # what the guest's module did
    assert (call.from_cpu, call.to_cpu, call.comm) == (0, 1, "victim")
    assert (call.call_kind, call.call_state) == ("call", "queued")
    assert call.called_function == "lab_csdlock_called [lab_csdlock]"
    # the timer that ended it was set for six seconds
    assert 5 < call.target_tick_seconds < 9
    first, second = report.table("cpus").rows
    assert (first.comm, second.comm) == ("victim", "lab-spinner")
    assert (first.waits_for_cpus, first.waited_for_by) == ((1,), ())
    assert (second.waits_for_cpus, second.waited_for_by) == ((), (0,))
    assert second.queued_calls >= 1
    assert first.target_tick_seconds < 1
    (finding,) = report.findings
    assert finding.kind == "ipi-stuck"
    assert f"CPU 0 (victim, pid {call.pid}) waits for CPU 1" in finding.evidence[0]


@pytest.mark.parametrize("folder", WELL, ids=lambda folder: folder.name)
def test_nobody_waits_where_all_is_well(folder: Any) -> None:
    report = reported(folder)
    assert report.complete
    assert not report.findings
    assert not any(row.waits for row in report.table("calls").rows)
    assert {row.waits_for_cpus for row in report.table("cpus").rows} == {()}


@pytest.mark.parametrize("folder", STUCK, ids=lambda folder: folder.name)
def test_without_a_clock_the_calls_are_there(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_survey: Any) -> Any:
        raise FaultError("0x1000: excluded", 0x1000, 8, "excluded")

    monkeypatch.setattr("crashdrive.linux.smp.calls.clock", missing)
    report = reported(folder)
    assert not report.complete
    assert [notice.message for notice in report.warnings] == ["ticks: 0x1000: excluded"]
    (call,) = (row for row in report.table("calls").rows if row.waits)
    assert (call.from_cpu, call.to_cpu, call.target_tick_seconds) == (0, 1, None)


@pytest.mark.parametrize("folder", WELL[:1], ids=lambda folder: folder.name)
def test_a_call_of_no_function_is_noted_and_no_row(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ones = calls._Caller(0, None, 0xFFFFFFFF, (1 << 64) - 1, 0xFFFF_8880_0000_1000)
    monkeypatch.setattr(calls, "_single", lambda *_: [ones])
    report = reported(folder)
    assert not report.complete
    (notice,) = report.warnings
    assert notice.message == "call 0xffff888000001000: 0xffffffffffffffff is no known function"
    assert 0xFFFF_8880_0000_1000 not in {row.call_address for row in report.table("calls").rows}


def test_there_are_guests_of_both_kinds() -> None:
    assert len(STUCK) == 2
    assert WELL
