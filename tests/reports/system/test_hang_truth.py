"""What hangs, against what the lab knows of each guest's death."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from faultkit.cli import hunts
from faultkit.hunt import is_bad
from faultkit.subjects import of_case
from sessionkit import DEATH, recorded_cases, replayed, report_folders

from crashdrive.records import Report

# guests whose tasks wait for journals, calls and work
OBJECTS = [
    folder for folder in report_folders("hang") if re.search("journal|stalledwork|deadserver", folder.name)
]
FOLDERS = [
    folder
    for folder in report_folders("hang")
    if any(case.options.get("tasks") for case in recorded_cases(folder)) and folder not in OBJECTS
]
DEATHS = [folder for folder in FOLDERS if (folder / DEATH).exists()]


def name(folder: Path) -> str:
    return folder.name


@pytest.fixture(scope="module", params=DEATHS, ids=name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def death(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / DEATH).read_text())
    return found


@pytest.fixture(scope="module")
def reported(folder: Path) -> Report:
    with replayed(folder) as crash:
        return crash.run_report("hang", tasks=True)


def test_cycles(death: dict[str, Any], reported: Report) -> None:
    rows = reported.table("cycles").rows
    assert len(rows) == bool(death["cycle"])
    if death["cycle"]:
        waiting = {step["pid"]: step for step in death["cycle"]}
        assert set(rows[0].pids) == set(waiting)
        row = rows[0]
        for pid, comm, lock, kind in zip(row.pids, row.comms, row.locks, row.types, strict=True):
            step = waiting[pid]
            assert (comm, lock, kind) == (step["comm"], step["waits_for"], step["lock_type"])
        assert rows[0].sure


def test_who_waits_for_what(death: dict[str, Any], reported: Report) -> None:
    tasks = {row.pid: row for row in reported.table("tasks").rows}
    expected = [*death["cycle"], *death["queue"]]
    assert set(tasks) == {one["pid"] for one in expected}
    for one in expected:
        row = tasks[one["pid"]]
        assert row.comm == one["comm"]
        if one["lock_type"]:
            assert (row.lock, row.type) == (one["waits_for"], one["lock_type"])
            assert f"{int(row.address):#x}" == one["lock_address"]
        else:
            assert row.lock == f"freeze of {one['waits_for']}"


def test_owners(death: dict[str, Any], reported: Report) -> None:
    rows = {row.lock: row for row in reported.table("locks").rows}
    for one in death["owners"]:
        row = rows[one["holds"]]
        # neither a semaphore nor a percpu-rwsem knows who holds it
        told = (None, None) if row.type in {"semaphore", "percpu-rwsem"} else (one["pid"], one["comm"])
        assert (row.owner_pid, row.owner_comm) == told
    for step in death["cycle"]:
        assert step["waits_for"] in rows
    waiters = sum(row.waiters for row in rows.values())
    assert waiters == sum(row.tasks for row in reported.table("groups").rows)


def test_findings(death: dict[str, Any], reported: Report) -> None:
    kinds = {finding.kind for finding in reported.findings}
    assert kinds == set(death["findings"])


def test_a_guest_where_one_process_waits_for_its_child() -> None:
    """vfork()'s parent is in D until the child starts a program; the lab's never does."""
    (quiet,) = (folder for folder in FOLDERS if folder not in DEATHS)
    with replayed(quiet) as crash:
        report = crash.run_report("hang", tasks=True)
    (row,) = report.table("tasks").rows
    assert (row.type, row.function, row.lock) == ("completion", "__wait_for_common", None)
    assert row.address is not None
    assert [finding.kind for finding in report.findings] == ["hung-task"]
    assert report.table("cycles").rows == report.table("frozen").rows == []


def test_no_page_of_a_frozen_filesystem_is_missed_without_a_word() -> None:
    """Any page that leads to the lock, its filesystem's mount point or the sleepers' stacks."""
    (folder,) = (one for one in FOLDERS if one.name.startswith("6.1-kdump-frozen"))
    with replayed(folder) as crash:
        (made,) = hunts(crash, map(of_case, recorded_cases(folder)))
        places = made.readable()
        bad = [run for run in made.runs(places, ["missing"]) if is_bad(run)]
    assert len(places) > 100
    assert not bad, [f"{run.place}: {run.outcome}: {run.detail}" for run in bad[:5]]


@pytest.mark.parametrize("folder", OBJECTS, ids=name)
def test_who_waits_for_whom_to_act(folder: Path) -> None:
    """A commit is the journal's thread's, which waits for its disk; work waits for who keeps its CPU; a call
    for a server.
    """
    death: dict[str, Any] = json.loads((folder / DEATH).read_text())
    with replayed(folder) as crash:
        report = crash.run_report("hang", tasks=True)
    assert report.complete
    tasks = {row.pid: row for row in report.table("tasks").rows}
    for one in death["queue"]:
        row = tasks[one["pid"]]
        assert (row.comm, row.lock) == (one["comm"], one["waits_for"])
        assert one["lock_address"] in {None, f"{int(row.address):#x}"}
    group = report.table("groups").rows[0]
    assert sorted(group.pids) == sorted(one["pid"] for one in death["queue"])
    if "journal" in folder.name:
        (owner,) = death["owners"]
        assert {row.type for row in tasks.values() if row.pid != owner["pid"]} == {"journal"}
        assert (group.root_pid, group.root_comm) == (owner["pid"], owner["comm"])
        thread = tasks[owner["pid"]]
        assert (thread.type, thread.owner_pid) == ("buffer", None)
        assert re.fullmatch(r"block \d+ of dm-0", thread.lock)
    elif "deadserver" in folder.name:
        (row,) = tasks.values()
        assert (row.type, row.owner_pid) == ("rpc", None)
    else:
        (row,) = tasks.values()
        assert row.type == "work"
        # the system's queue of CPU 1: the worker isn't named in the guest's own words
        assert row.owner_comm.startswith("kworker/1:")
    assert {one.kind for one in report.findings} == {"hung-task"}


def test_there_are_guests_with_journals_and_work() -> None:
    assert len(OBJECTS) == 3
