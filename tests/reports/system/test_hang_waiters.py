"""Who waits without being blocked: for another CPU, for a futex, for a freezer; as the guests tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sessionkit import DEATH, recorded_cases, replayed, report_folders, unpack

from crashdrive.records import Report

FOLDERS = [
    folder
    for folder in report_folders("hang")
    if any(case.options.get("futexes") for case in recorded_cases(folder))
]
SPINNING = [folder for folder in FOLDERS if "csdlock" in folder.name]
WAITING = [folder for folder in FOLDERS if "waiters" in folder.name]


def reported(folder: Path) -> Report:
    with replayed(folder) as crash:
        return crash.run_report("hang", cpus=True, futexes=True, frozen=True)


def said(folder: Path, place: Path) -> list[list[str]]:
    """Lines of the guest's program: kind, address, pid, tid."""
    unpack(folder, place)
    return [line.split() for line in (place / "truth/cmd/futexes").read_text().splitlines()]


def test_there_are_guests_of_both_kinds() -> None:
    assert len(SPINNING) == len(WAITING) == 2


@pytest.mark.parametrize("folder", SPINNING, ids=lambda folder: folder.name)
def test_a_task_that_waits_for_a_cpu(folder: Path) -> None:
    report = reported(folder)
    death: dict[str, Any] = json.loads((folder / DEATH).read_text())
    (row,) = report.table("ipi_waits").rows
    assert (row.cpu, row.pid, row.comm) == tuple(death["panicked"][name] for name in ("cpu", "pid", "comm"))
    assert (row.waiting_in, row.caller) == ("smp_call_function_single", "lab_csdlock_call")
    assert row.waits_for_cpus == (1,)
    assert row.called_functions == ("lab_csdlock_called [lab_csdlock]",)
    assert row.target_tick_seconds > 5
    assert report.table("futexes").rows == report.table("frozen_tasks").rows == []


@pytest.mark.parametrize("folder", WAITING, ids=lambda folder: folder.name)
def test_futexes(folder: Path, tmp_path: Path) -> None:
    told, report = said(folder, tmp_path), reported(folder)
    rows = report.table("futexes").rows
    # without the vmlinux the stack of the task that panicked is followed by guessing
    assert {notice.kind for notice in report.warnings} <= {"lost"}
    assert sum(row.waiters for row in rows) == len(told) - 1
    for row in rows:
        assert row.comm == "lab-futexes"
        assert row.longest > 1
        assert len(row.waiter_pids) == row.waiters
    found = {row.user_address: row for row in rows if row.futex_kind == "private"}
    for kind, word, pid, _ in told:
        if kind in {"pi-owner", "private"}:
            row = found[int(word, 16)]
            waiting = {int(tid) for what, at, _, tid in told if at == word and what != "pi-owner"}
            assert set(row.waiter_pids) == waiting
            assert row.tgid == int(pid)
            assert row.owner_pid == (int(pid) if kind == "pi-owner" else None)
    # memory that processes share is a file of shmem
    (row,) = (row for row in rows if row.futex_kind == "file")
    assert set(row.waiter_pids) == {int(tid) for what, _, _, tid in told if what == "shared"}
    assert row.owner_pid is None


@pytest.mark.parametrize("folder", WAITING, ids=lambda folder: folder.name)
def test_frozen_tasks(folder: Path, tmp_path: Path) -> None:
    unpack(folder, tmp_path)
    pids = [int(line) for line in (tmp_path / "truth/cmd/frozen").read_text().splitlines()]
    report = reported(folder)
    rows = report.table("frozen_tasks").rows
    assert [row.pid for row in rows] == pids
    assert {row.frozen_by for row in rows} == {"cgroup"}
    assert all(row.off_cpu > 0.5 for row in rows)
    assert report.table("ipi_waits").rows == []
