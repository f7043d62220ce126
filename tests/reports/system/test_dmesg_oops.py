"""Crash reports picked out of the log."""

from __future__ import annotations

from sessionkit import replayed, report_folders

FOLDERS = {folder.name: folder for folder in report_folders("dmesg")}


def test_messages_of_reports_alone() -> None:
    with replayed(FOLDERS["6.12-kdump-sysrq-9.0.2"]) as crash:
        picked = crash.run_report("dmesg", oops=True)
        everything = crash.run_report("dmesg").table("log").rows
        verdict = crash.run_report("dmesg", oops=True).table("reports").rows
    rows = picked.table("log").rows
    assert 0 < len(rows) < len(everything)
    assert {row.sequence for row in rows} <= {row.sequence for row in everything}
    assert any("sysrq" in (row.text or "") for row in rows)
    (cause,) = [row for row in verdict if row.cause]
    assert cause.kind == "sysrq"
