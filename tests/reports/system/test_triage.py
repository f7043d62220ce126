"""The first look: the verdict of panic, findings of all parts, and what is left where a part fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sessionkit import replayed, report_folders

from crashdrive.cli import main
from crashdrive.crash import Crash
from crashdrive.errors import SessionError
from crashdrive.records import Report

FOLDERS = {folder.name: folder for folder in report_folders("triage")}
DEADLOCK, BUSY = FOLDERS["6.12-kdump-rwsem-9.0.2"], FOLDERS["6.12-kdump-sysrq-9.0.2"]


def test_a_deadlock() -> None:
    with replayed(DEADLOCK) as crash:
        report = crash.run_report("triage")
        panic = crash.run_report("panic")
    assert report.table("verdict").rows == panic.table("verdict").rows
    assert report.findings[0].kind == "deadlock"
    assert {finding.kind for finding in report.findings} == {"deadlock", "hung-task"}
    assert report.table("look").rows[0].command == "crashdrive report hang --tasks VMCORE"
    assert len(report.table("look").rows) == 3


def test_findings_of_all_parts_the_worst_first() -> None:
    with replayed(BUSY) as crash:
        report = crash.run_report("triage")
    order = ["critical", "warning", "info"]
    ranks = [order.index(finding.severity) for finding in report.findings]
    assert ranks == sorted(ranks)
    assert {"hung-task", "listen-queue-full"} <= {finding.kind for finding in report.findings}
    assert len(set(report.findings)) == len(report.findings)


def test_a_part_that_fails_is_told_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Crash.run_report

    def without_hang(crash: Crash, name: str, **options: Any) -> Report:
        if name == "hang":
            raise SessionError("no such luck")
        return run(crash, name, **options)

    with replayed(DEADLOCK) as crash:
        monkeypatch.setattr(Crash, "run_report", without_hang)
        report = crash.run_report("triage")
    assert not report.complete
    assert "report hang failed: no such luck" in [notice.message for notice in report.warnings]
    assert report.table("verdict").rows[0].kind == "hung"


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with replayed(BUSY) as crash:
        found = crash.run_report("triage")
    monkeypatch.setattr(Crash, "run_report", lambda _crash, _name: found)
    recorded = ["triage", "--replay", str(BUSY / "session.xz")]
    assert main(recorded) == 5
    shown = capsys.readouterr().out
    assert shown.index("Verdict") < shown.index("critical: ") < shown.index("Look next at")
    assert shown.count("\n") < 110
    page = tmp_path / "page.html"
    assert main([*recorded, "--html", str(page)]) == 5
    assert capsys.readouterr().out == ""
    assert page.read_text().startswith("<!doctype html>")
    assert main([*recorded, "--html", "/dev/null/x"]) == 2
