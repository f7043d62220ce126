"""The first look: the verdict of panic, findings of all parts, and what is left where a part fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sessionkit import replayed, report_folders

from crashdrive.cli import main
from crashdrive.crash import Crash
from crashdrive.errors import SessionError, TranscriptError
from crashdrive.records import Notice, Report, Table
from crashdrive.reports.net import netsummary
from crashdrive.reports.system import triage
from crashdrive.rules import rule_for, rule_names

FOLDERS = {folder.name: folder for folder in report_folders("triage")}
DEADLOCK, BUSY = FOLDERS["6.12-kdump-deadlock-9.0.2"], FOLDERS["6.12-kdump-sysrq-9.0.2"]


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
    kinds = {finding.kind for finding in report.findings}
    assert {"hung-task", "listen-queue-full"} <= kinds
    # found in what netsummary read beside its own tables
    assert {"send-drops", "neighbour-failed"} <= kinds
    assert len(set(report.findings)) == len(report.findings)


def test_every_report_that_rules_look_at_is_a_part() -> None:
    """Or is read by netsummary, which judges it."""
    asked: list[str] = []

    class Asked:
        def run_report(self, name: str) -> Report:
            asked.append(name)
            raise SessionError("not now")

    triage.report(Asked())
    tables = [
        source for name in rule_names() for source in rule_for(name).looks_at if isinstance(source, str)
    ]
    assert {table.partition(".")[0] for table in tables} <= {*asked, *netsummary.JUDGED}
    assert len(asked) == len(set(asked))
    assert len(rule_names()) >= 50


def test_what_a_recording_is_without_is_told() -> None:
    class Recorded:
        def run_report(self, name: str) -> Report:
            raise SessionError("not now") if name in triage.PARTS else TranscriptError("rd: not recorded")

    report = triage.report(Recorded())
    (notice,) = [one for one in report.warnings if one.kind == "unrecorded"]
    assert "aren't asked" in notice.message


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
    places = [shown.index(word) for word in ("Verdict", "System", "critical: ", "info: ", "Look next at")]
    assert places == sorted(places)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 66
    assert lines[-1].startswith("(in short")
    assert lines[-1].endswith("; all of it: crashdrive report triage VMCORE)")
    page = tmp_path / "page.html"
    assert main([*recorded, "--html", str(page)]) == 5
    assert capsys.readouterr().out == ""
    assert page.read_text().startswith("<!doctype html>")
    assert main([*recorded, "--html", "/dev/null/x"]) == 2


def test_the_page_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = tuple(
        Notice(kind="hole", message=f"page {number} is missing" + " in it" * 20) for number in range(6)
    )
    tables = tuple(Table(name=name, rows=()) for name in ("verdict", "system", "look"))
    found = Report(report="triage", tables=tables, complete=False, warnings=lost)
    monkeypatch.setattr(Crash, "run_report", lambda _crash, _name: found)
    assert main(["triage", "--replay", str(BUSY / "session.xz")]) == 5
    shown, told = capsys.readouterr()
    lines = shown.splitlines()
    assert "Verdict" not in lines
    at = lines.index("Missing")
    assert lines[at + 1].startswith("  page 0 is missing")
    assert lines[at + 1].endswith(" ...")
    assert lines[at + 5] == "  and 2 more lines on stderr"
    assert max(map(len, lines)) <= 80
    assert "page 5 is missing" in told
