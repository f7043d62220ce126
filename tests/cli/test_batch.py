"""``crashdrive batch``: what it says, what it writes, how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.batch.jobs import Job, Result
from tests.batch.fakes import result, verdict
from tests.dump.test_find import ID, vmcore, vmlinux

Cli = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three dumps, whose triage is a fake."""
    place = tmp_path / "crash"
    place.mkdir()
    (place / "vmlinux").write_bytes(vmlinux(ID))
    for number in range(3):
        (place / f"vmcore.{number}").write_bytes(vmcore(ID) + bytes([number + 1]))

    def work(job: Job, *, tell: Callable[[str], None], stop: threading.Event, **_: Any) -> Result:
        assert not stop.is_set()
        tell("panic")
        given: dict[str, Any] = json.loads((tmp_path / "fails").read_text() if fails.exists() else "{}")
        name = Path(job.vmcore).name
        if name in given:
            return Result(id=job.id, vmcore=job.vmcore, status="failed", reason=given[name], kind="died")
        return result(job, verdict("f"), seconds=1.5)

    fails = tmp_path / "fails"
    monkeypatch.setattr("crashdrive.batch.run.run_job", work)
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    return place


def test_all_is_told_and_written(crashed: Path, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, printed, told = cli("batch", str(crashed), "-o", str(out), "-j", "2")
    assert status == 0
    assert b"null: in f" in printed
    assert told.count("crashdrive: ") == 3
    assert f"3/3 {crashed}/vmcore" in told
    assert len((out / "triage.jsonl").read_text().splitlines()) == 3
    assert (out / "triage.sqlite").stat().st_mode & 0o77 == 0
    status, again, told = cli("batch", str(crashed), "-o", str(out))
    assert (status, again, told) == (0, printed, "")


def test_new_ones_are_taken_and_failed_ones_when_asked_for(crashed: Path, cli: Cli, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    (tmp_path / "fails").write_text(json.dumps({"vmcore.1": "crash died\x1b[31m"}))
    (crashed / "vmcore.9").write_bytes(b"")
    status, _, told = cli("batch", str(crashed), "-o", out)
    assert status == 5
    assert f"crashdrive: failed: {crashed}/vmcore.1: crash died\\x1b[31m\n" in told
    assert f"failed: {crashed}/vmcore.9: {crashed}/vmcore.9: empty" in told
    assert "2 of 4 dumps failed" in told
    (tmp_path / "fails").unlink()
    (crashed / "vmcore.8").write_bytes(vmcore(ID) + b"8")
    status, _, told = cli("batch", str(crashed), "-o", out)
    assert status == 5
    assert "4 of 5 dumps are done already, 1 are left" in told
    status, _, told = cli("batch", str(crashed), "-o", out, "--retry-failed")
    assert "1 of 5 dumps failed" in told


def test_all_failed(crashed: Path, cli: Cli, tmp_path: Path) -> None:
    (crashed / "vmlinux").unlink()
    status, _, told = cli("batch", str(crashed), "-o", str(tmp_path / "out"))
    assert status == 1
    assert told.count("no vmlinux for") == 6
    (crashed / "vmlinux").write_bytes(vmlinux(ID))
    assert cli("batch", str(crashed), "-o", str(tmp_path / "out"))[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["batch"], "Missing argument 'DUMPS"),
        (["batch", "{place}"], "Missing option '-o'"),
        (["batch", "{place}/none", "-o", "{out}"], "no such file or folder"),
        (["batch", "{place}/vmlinux", "-o", "{out}", "--report", "nosuch"], "no report 'nosuch'"),
        (["batch", "{place}", "-o", "{out}", "--"], "Missing SCRIPT behind --"),
        (["batch", "{place}", "-o", "{out}", "--", "none.py"], "no such file"),
        (["batch", "{place}", "-o", "{out}", "--", "-v"], "the script stands right behind --"),
        (["batch", "{place}", "-o", "/dev/null/x"], "can't make the folder"),
        (["batch", "{empty}", "-o", "{out}"], "no dump of a kernel in"),
    ],
)
def test_usage(crashed: Path, cli: Cli, tmp_path: Path, words: list[str], told: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {"place": crashed, "out": tmp_path / "out", "empty": tmp_path / "empty"}
    status, printed, said = cli(*(word.format(**places) for word in words))
    assert (status, printed) == (2, b"")
    assert told in said
    assert said.count("\n") == 1


def test_interrupted_it_keeps_what_it_has(
    crashed: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(job: Job, **_: Any) -> Result:
        if job.vmcore.endswith("1"):
            raise KeyboardInterrupt
        return result(job, verdict("f"))

    monkeypatch.setattr("crashdrive.batch.run.run_job", work)
    assert cli("batch", str(crashed), "-o", str(tmp_path / "out"), "-j", "1")[0] == 130
    assert len((tmp_path / "out" / "triage.jsonl").read_text().splitlines()) < 3
    monkeypatch.setattr("crashdrive.batch.run.run_job", lambda job, **_: result(job, verdict("f")))
    assert cli("batch", str(crashed), "-o", str(tmp_path / "out"))[0] == 0


def test_help_is_narrow(cli: Cli) -> None:
    status, printed, _ = cli("batch", "--help")
    assert status == 0
    assert max(map(len, printed.decode().splitlines())) <= 110
