"""The verdict, against what the lab knows of each guest's death."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sessionkit import DEATH, replayed, report_folders

from crashdrive.linux.oops import verdict
from crashdrive.linux.printk.messages import messages
from crashdrive.records import Report
from crashdrive.reports.system.panic import log_text

FOLDERS = report_folders("panic")


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def reported(folder: Path) -> Report:
    with replayed(folder) as crash:
        return crash.run_report("panic", log=True, versions=True)


def test_the_verdict(folder: Path, reported: Report) -> None:
    (row,) = reported.table("verdict").rows
    if not (folder / DEATH).exists():
        assert (row.kind, row.function, row.corrupted) == ("sysrq", "sysrq_handle_crash", False)
        return
    death = json.loads((folder / DEATH).read_text())
    assert row.kind == death["kind"]
    assert row.function in {death["culprit"], *death["alternatives"]}
    assert row.module == death["module"]
    assert (row.context or "process") == death["context"]
    assert not row.corrupted


def test_the_stack_has_the_culprit(reported: Report) -> None:
    (row,) = reported.table("verdict").rows
    blamed = [frame for frame in reported.table("backtrace").rows if frame.blamed]
    assert {frame.function for frame in blamed} == {row.function}
    assert row.address is not None
    assert {frame.address - (frame.offset or 0) for frame in blamed} == {row.address - (row.offset or 0)}


def test_the_log_block(reported: Report) -> None:
    (row,) = reported.table("verdict").rows
    (cause,) = (event for event in reported.table("events").rows if event.cause)
    text = "\n".join(line.text for line in reported.table("log").rows)
    assert cause.title == row.title
    assert (row.function or "") in text
    assert verdict(text).bucket == row.bucket


def test_the_log_is_crashs_own(folder: Path) -> None:
    """As far as crash prints it: it has dots for what isn't ASCII."""
    with replayed(folder) as crash:
        lines = log_text(list(messages(crash.kernel))).split("\n")
    assert all(line.startswith("[") for line in lines)
    assert len(lines) > 200
