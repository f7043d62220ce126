"""The order of work, what is kept of it, and what is done again."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crashdrive.batch import outputs
from crashdrive.batch.jobs import BadResultError, Job, Result, job_line, job_of, packed, unpacked
from crashdrive.batch.ledger import Ledger, locked, open_folder
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import Batch, Options, default_jobs, ordered, plan, result_path
from crashdrive.errors import UsageError
from tests.batch.fakes import found, result, verdict


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(open_folder(tmp_path / "out"))
    yield one
    one.close()


def work(job: Job, _tell: Any, _stop: threading.Event) -> Result:
    return result(job, verdict(f"f{int(job.id, 16) % 3}"))


def test_dumps_of_one_kernel_stand_together_large_ones_first() -> None:
    dumps = [found(n, build_id="ab"[n % 2], size=n) for n in range(6)]
    assert [one.size for one in ordered(dumps)] == [5, 3, 1, 4, 2, 0]


def test_all_are_done_once_and_kept(ledger: Ledger) -> None:
    dumps = [found(n) for n in range(7)]
    done = Batch(ledger, Options(jobs=3), work=work).run(dumps)
    assert sorted(one.id for one in done) == [one.id for one in dumps]
    assert plan(dumps, ledger) == ([], 7)
    rows = ledger.rows("SELECT * FROM dumps ORDER BY dump")
    assert [(row["title"], row["host"], row["attempts"]) for row in rows[:2]] == [
        ("null: in f0", "web1", 1),
        ("null: in f1", "web1", 1),
    ]
    for one in dumps:
        assert unpacked(result_path(ledger.folder, one.id).read_bytes()).vmcore == one.path
    outputs.write(ledger)
    lines = [json.loads(line) for line in (ledger.folder / "triage.jsonl").read_text().splitlines()]
    assert {line["dump"] for line in lines} == {one.id for one in dumps}
    assert lines[0]["frames"][0].startswith("f")


def test_failed_ones_are_taken_again_when_asked_for_or_cured(ledger: Ledger) -> None:
    dumps = [found(0, trouble="no vmlinux", trouble_kind="no-vmlinux"), found(1), found(2)]

    def fails(job: Job, tell: Any, stop: threading.Event) -> Result:
        if job.id == dumps[1].id:
            return Result(id=job.id, vmcore=job.vmcore, status="failed", reason="died", kind="died")
        return work(job, tell, stop)

    Batch(ledger, Options(), work=fails).run(dumps)
    assert plan(dumps, ledger).todo == []
    assert {one.id for one in plan(dumps, ledger, retry_failed=True).todo} == {dumps[0].id, dumps[1].id}
    cured = [found(0), *dumps[1:]]
    assert plan(cured, ledger).todo == [cured[0]]
    assert len(plan(cured, ledger, again=True).todo) == 3
    regroup(ledger)
    tables, failed, incomplete = outputs.summary(ledger, [one.id for one in dumps])
    assert failed == [(dumps[0].path, "no vmlinux"), (dumps[1].path, "died")]
    assert (incomplete, [row["dumps"] for row in tables[0].rows]) == (0, [1])
    Batch(ledger, Options(), work=work).run(plan(cured, ledger, retry_failed=True).todo)
    (row,) = ledger.rows("SELECT * FROM dumps WHERE dump = ?", (dumps[1].id,))
    assert (row["status"], row["attempts"], row["reason"]) == ("complete", 2, None)


def test_findings_are_rows(ledger: Ledger) -> None:
    finding = {"severity": "warning", "kind": "high-load", "message": "load 9", "evidence": ["a", "b"]}
    one = found(1)
    Batch(ledger, Options(), work=lambda job, *_: result(job, None, findings=[finding])).run([one])
    Batch(ledger, Options(), work=lambda job, *_: result(job, None, findings=[finding])).run([one])
    (row,) = ledger.rows("SELECT * FROM findings")
    assert (row["dump"], row["kind"], json.loads(row["evidence"])) == (one.id, "high-load", ["a", "b"])
    (row,) = ledger.rows("SELECT title, findings, attempts FROM dumps")
    assert tuple(row) == (None, 1, 2)


def test_a_folder_has_one_batch_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UsageError, match="another crashdrive batch"), locked(tmp_path):
        pytest.fail("two at once")
    with locked(tmp_path):
        pass


def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "triage.sqlite") as database:
        database.execute("CREATE TABLE theirs (a)")
    database.close()
    with pytest.raises(UsageError, match="another program's"):
        Ledger(tmp_path)
    (tmp_path / "triage.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(UsageError, match="not a database"):
        Ledger(tmp_path)


def test_names_that_are_no_utf_8_reach_the_worker() -> None:
    job = Job(id="1", vmcore="/var/crash/\udcff/vmcore")
    assert job_of(job_line(job)) == job
    kept = unpacked(packed(Result(id="1", vmcore=job.vmcore, status="failed")))
    assert kept.vmcore == "/var/crash/\\xff/vmcore"


@pytest.mark.parametrize("data", [b"", b"x", packed(Result(id="1", vmcore="v", status="failed"))[:-3]])
def test_damaged_results(data: bytes) -> None:
    with pytest.raises(BadResultError):
        unpacked(data)


def test_there_is_at_least_one_job() -> None:
    assert default_jobs() >= 1


def test_killed_at_fifty_moments_nothing_is_lost_and_nothing_is_twice(tmp_path: Path) -> None:
    """kill -9 at random moments until all is done: each dump has one row, made once, with its result."""
    random, count, kills, folders = Random(7), 24, 0, 0  # noqa: S311 - any moments will do
    while kills < 50:
        folders += 1
        out = tmp_path / f"out{folders}"
        program = [sys.executable, str(Path(__file__).with_name("killed.py")), str(out), str(count)]
        done = False
        while not done:
            done = _is_done(program, random.uniform(0, 0.1) if kills < 50 else None)
            kills += not done
        ledger = Ledger(out)
        rows = ledger.rows("SELECT dump, attempts, findings FROM dumps")
        assert [tuple(row)[1:] for row in rows] == [(1, 1)] * count
        assert len(ledger.rows("SELECT dump FROM findings")) == count
        for row in rows:
            unpacked(result_path(ledger.folder, row["dump"]).read_bytes())
        assert ledger.rows("PRAGMA integrity_check")[0][0] == "ok"
        ledger.close()


def _is_done(program: list[str], seconds: float | None) -> bool:
    """Whether a batch came to its end; it is killed after so many seconds of work."""
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return False
        assert (process.wait(), process.stderr.read()) == (0, b"")
        return True
