"""RCU as the report has it, against what its own numbers have to say of each other."""

from __future__ import annotations

import pytest
from sessionkit import replayed, report_folders

from crashdrive.records import Report

REPORT = "rcu"


@pytest.fixture(scope="module", params=report_folders(REPORT), ids=lambda folder: folder.name)
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
