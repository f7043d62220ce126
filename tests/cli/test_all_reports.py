"""``crashdrive report --all``: a file for each report, an index, and no failure that stops the rest."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from sessionkit import SESSION, folders, recorded_reports

import crashdrive.crash
from crashdrive.cli import _all_reports, main
from crashdrive.reports import of_the_whole, report_names

REPLAY = ["--replay", str(folders()[0] / SESSION)]


def index(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["report"]: row for row in json.loads((folder / "index.json").read_text())["reports"]}


def test_each_report_has_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The recording holds the reports of the network alone: the others fail, and are told."""
    folder = tmp_path / "new" / "out"
    (tmp_path / "elsewhere").write_text("stays")
    folder.mkdir(parents=True)
    (folder / "netns.json").symlink_to(tmp_path / "elsewhere")
    status = main(["report", "--all", "-o", str(folder), "--format", "json", *REPLAY])
    printed = capsys.readouterr()
    rows = index(folder)
    assert set(rows) == {name for name in report_names() if of_the_whole(name)}
    failed = {name for name, row in rows.items() if row["outcome"] == "failed"}
    assert failed <= recorded_reports().keys()
    assert status == (1 if failed else 0)
    assert all(f"crashdrive: {name}: " in printed.err for name in failed)
    for name in rows.keys() - failed:
        row, report = rows[name], json.loads((folder / f"{name}.json").read_text())
        assert report["report"] == name
        assert row["rows"] == sum(map(len, report["tables"].values()))
        assert f"{name} " in printed.out
    assert (tmp_path / "elsewhere").read_text() == "stays"
    page = (folder / "index.html").read_text()
    assert all(f'<a href="{name}.json">{name}</a>' in page for name in rows.keys() - failed)
    assert not list(folder.glob(".part*"))


def test_interrupted_it_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = crashdrive.crash.Crash.run_report

    def until_netns(crash: Any, name: str, **options: Any) -> Any:
        if name == "netns":
            raise KeyboardInterrupt
        return run(crash, name, **options)

    monkeypatch.setattr(crashdrive.crash.Crash, "run_report", until_netns)
    assert main(["report", "--all", "-o", str(tmp_path / "out"), *REPLAY]) == 130
    rows = index(tmp_path / "out")
    assert "conntrack" in rows
    assert "netns" not in rows
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--all"], "Missing argument VMCORE"),
        (["--all", "vmcore"], "name the folder for the reports by -o DIR"),
        (["--all", "-o", "x"], "Missing argument VMCORE"),
        (["--all", "-o", "/dev/null/x", *REPLAY], "can't make the folder"),
    ],
)
def test_usage(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *words]) == 2
    assert told in capsys.readouterr().err


def test_reports_from_outside_are_made_too_and_a_broken_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plugins = tmp_path / "plugins" / "reports"
    plugins.mkdir(parents=True, mode=0o755)
    names = ("mine", "torn")
    (plugins / "mine.py").write_text(MINE)
    (plugins / "torn.py").write_text("raise RuntimeError('torn')\n")
    for name in names:
        (plugins / f"{name}.py").chmod(0o644)
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(plugins.parent))
    monkeypatch.setattr("crashdrive.cli._all_reports.report_names", tuple)
    folder = tmp_path / "out\udcff"
    assert main(["report", "--all", "-o", str(folder), *REPLAY]) == 1
    rows = index(folder)
    assert {name: rows[name]["outcome"] for name in names} == {"mine": "complete", "torn": "failed"}
    assert "torn" in rows["torn"]["error"]
    assert "crashdrive: torn: " in capsys.readouterr().err


MINE = """
from crashdrive.reports import Report

NAME, SUMMARY, OPTIONS = "mine", "Mine.", ()


def report(crash):
    return Report(report=NAME, tables=())
"""


def test_a_dump_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    _all_reports._index(tmp_path, {"vmcore": "/var/crash/\udcff<b>"}, [])
    assert json.loads((tmp_path / "index.json").read_text())["dump"]["vmcore"] == "/var/crash/\\xff<b>"
    assert "Reports of \\xff&lt;b&gt;" in (tmp_path / "index.html").read_text()
