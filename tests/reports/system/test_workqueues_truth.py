"""Workqueues as the report has them, against the threads that the guest's ps had right before its panic."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "workqueues"
STALLED = [folder for folder in report_folders(REPORT) if "-stalledwork" in folder.name]


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT, all=True)


def threads(guest: Guest) -> list[str]:
    """Names of kernel threads, without their brackets."""
    text = (guest.folder / "truth/cmd/ps").read_text(errors="replace")
    return re.findall(r"\[([^\]\n]+)\]$", text, re.MULTILINE)


def test_workers(guest: Guest, reported: Report) -> None:
    """A pool has as many workers as threads are named after it: kworker/CPU:N, with H of high priority."""
    names = [name for name in threads(guest) if name.startswith("kworker/") and ":" in name]
    assert names
    pools = reported.table("pools").rows
    for cpu in (0, 1):
        for nice, mark in ((0, ""), (-20, "H")):
            said = [name for name in names if re.match(rf"kworker/{cpu}:\d+{mark}(-|$)", name)]
            found = [row for row in pools if row.cpu == cpu and row.nice == nice]
            # pools of softirqs have no threads; workers come and go
            assert max(row.workers for row in found) in range(len(said) - 1, len(said) + 2)
    unbound = sum(row.workers for row in pools if row.cpu is None)
    assert unbound in range(sum("/u" in name for name in names) - 1, sum("/u" in name for name in names) + 3)


def test_rescuers(guest: Guest, reported: Report) -> None:
    """A queue for reclaim has a thread named after it, cut at 15 characters or beginning with kworker/R-."""
    rows = [row for row in reported.table("queues").rows if row.rescuer_pid is not None]
    names = {name.removeprefix("kworker/R-") for name in threads(guest)}
    assert len(rows) > 10
    for row in rows:
        assert "mem_reclaim" in row.queue_flags or row.workqueue == "mm_percpu_wq", row.workqueue
        assert any(row.workqueue.startswith(name) for name in names if name), row.workqueue


def test_nothing_waits_where_nothing_is_wrong(reported: Report) -> None:
    assert reported.complete
    assert not reported.findings
    for row in reported.table("pools").rows:
        assert 0 <= row.idle_workers <= row.workers
        assert (row.stalled_seconds is None) is (not row.pending_work)
    assert len(reported.table("pending").rows) == sum(
        row.pending_work for row in reported.table("pools").rows
    )
    names = {row.workqueue for row in reported.table("queues").rows}
    assert {"events", "events_unbound", "writeback", "mm_percpu_wq"} <= names
    assert {row.workqueue for row in reported.table("busy").rows} <= names


@pytest.mark.parametrize("folder", STALLED, ids=lambda folder: folder.name)
def test_work_that_keeps_its_cpu(folder: Path) -> None:
    """The guest's module: an item spins on CPU 1 for 32 seconds, two others wait behind it."""
    with replayed(folder) as crash:
        report = crash.run_report(REPORT)
    assert report.complete
    (busy,) = report.table("busy").rows
    assert (busy.work_function, busy.workqueue) == ("lab_stalledwork_run [lab_stalledwork]", "events")
    # the worker has been on its CPU all the time: not longer than the pool is stalled, but for a moment
    assert 30 < busy.running_seconds < 40
    (pool,) = (row for row in report.table("pools").rows if row.pending_work)
    assert (pool.cpu, pool.nice, pool.pool) == (1, 0, busy.pool)
    assert 30 < pool.stalled_seconds <= busy.running_seconds
    behind = [row.work_function for row in report.table("pending").rows if row.workqueue == "events"]
    assert behind == ["lab_stalledwork_late [lab_stalledwork]"] * 2 + ["wq_barrier_func"]
    found = {finding.kind: finding.evidence for finding in report.findings}
    assert found.keys() == {"workqueue-stalled", "work-running-long"}
    (line,) = found["workqueue-stalled"]
    assert line.startswith(f"pool {pool.pool}, of CPU 1: {pool.pending_work} items wait, none taken for 3")


def test_there_is_a_guest_with_a_stalled_pool() -> None:
    assert STALLED
