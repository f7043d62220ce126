"""A batch in parts and put together again, and a service that takes dumps as they appear."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crashdrive.batch.find import find_dumps
from crashdrive.batch.jobs import Result
from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import keep, result_path
from crashdrive.batch.shard import merge, of_shard, shard_of
from crashdrive.batch.watch import Settled
from crashdrive.cli import main
from crashdrive.errors import UsageError
from tests.batch.fakes import found, result, verdict
from tests.dump.test_find import ID, vmcore, vmlinux


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_wrong_shards(text: str) -> None:
    with pytest.raises(UsageError, match="I/N"):
        shard_of(text)


def test_shards_are_all_dumps_once() -> None:
    dumps = [found(number) for number in range(50)]
    parts = [of_shard(dumps, shard_of(f"{number}/3")) for number in (1, 2, 3)]
    assert sorted(one.id for part in parts for one in part) == [one.id for one in dumps]


def test_merged_parts_are_what_one_batch_would_be(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    dumps = [found(number) for number in range(6)]
    whole = Ledger(open_folder(tmp_path / "whole"))
    parts = [Ledger(open_folder(tmp_path / f"part{number}")) for number in (1, 2)]
    for at, one in enumerate(dumps):
        made = result(
            one, verdict(f"f{at % 2}"), findings=[{"severity": "info", "kind": "k", "message": "m"}]
        )
        for ledger in (whole, parts[at % 2]):
            keep(ledger, one, made)
    lost = Result(id=dumps[0].id, vmcore=dumps[0].path, status="failed", reason="died", kind="died")
    keep(parts[1], dumps[0], lost)  # one that the other part has, and better
    for ledger in (whole, *parts):
        regroup(ledger)
        ledger.close()
    words = [str(tmp_path / "part2"), str(tmp_path / "part1"), "-o", str(tmp_path / "all")]
    assert main(["merge", *words]) == 0
    assert "7 dumps taken over" in capfd.readouterr().err
    assert main(["merge", *words]) == 0
    assert "0 dumps taken over" in capfd.readouterr().err
    query = "SELECT dump, path, status, title, group_id, findings FROM dumps ORDER BY dump"
    both = [Ledger(tmp_path / name) for name in ("whole", "all")]
    rows = [[tuple(row) for row in ledger.rows(query)] for ledger in both]
    assert rows[0] == rows[1]
    assert all(result_path(tmp_path / "all", dump.id).exists() for dump in dumps)
    assert (tmp_path / "all" / "index.html").exists()
    result_path(tmp_path / "part1", dumps[2].id).unlink()
    assert main(["merge", *words[:2], "-o", str(tmp_path / "other")]) == 0
    assert "can&#39;t be read" in (tmp_path / "other" / "dump" / f"{dumps[2].id}.html").read_text()
    older = Ledger(open_folder(tmp_path / "older"))
    keep(older, dumps[2], lost)
    older.close()
    assert main(["merge", *words[:2], "-o", str(tmp_path / "older")]) == 0
    assert not result_path(tmp_path / "older", dumps[2].id).exists()
    with pytest.raises(UsageError, match="no ledger there"):
        merge(both[0], [tmp_path])
    for ledger in both:
        ledger.close()


def test_a_dump_that_grows_is_left_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(vmcore(ID))
    (tmp_path / "vmcore-incomplete").write_bytes(vmcore(ID) + b"x")
    settled = Settled()
    assert settled.of(find_dumps([str(tmp_path)]).dumps) == []
    path.write_bytes(vmcore(ID) + b"more")
    assert settled.of(find_dumps([str(tmp_path)]).dumps) == []
    assert [one.path for one in settled.of(find_dumps([str(tmp_path)]).dumps)] == [str(path)]


def test_a_service_takes_dumps_as_they_appear(tmp_path: Path) -> None:
    """It goes on after a broken one, and SIGTERM ends it with status 0."""
    crash, out = tmp_path / "crash", tmp_path / "out"
    crash.mkdir()
    (crash / "vmlinux").write_bytes(vmlinux(ID))
    (tmp_path / "false").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "false").chmod(0o755)
    command = [
        sys.executable, "-m", "crashdrive", "batch", "--watch", str(crash), "-o", str(out), "--interval",
        "0.2", "--crash", str(tmp_path / "false"), "--brief",
    ]  # fmt: skip
    environment = {**os.environ, "CRASHDRIVE_CACHE": "off"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as service:
        try:
            for name in ("vmcore.1", "vmcore.2"):
                (crash / name).write_bytes(vmcore(ID) + name.encode())
                wait_for(out / "triage.jsonl", name)
            assert service.poll() is None
            service.send_signal(signal.SIGTERM)
            assert service.wait(30) == 0
        finally:
            service.kill()


def test_a_service_sees_what_becomes_known_and_whole(tmp_path: Path) -> None:
    """A pattern without a file as yet, a dump that was cut when it was looked at, a known.toml that comes."""
    crash, out = tmp_path / "crash", tmp_path / "out"
    crash.mkdir()
    (crash / "vmlinux").write_bytes(vmlinux(ID))
    (tmp_path / "false").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "false").chmod(0o755)
    command = [
        sys.executable, "-m", "crashdrive", "batch", "--watch", str(crash / "vmcore*"), "-o", str(out),
        "--interval", "0.2", "--crash", str(tmp_path / "false"), "--brief",
    ]  # fmt: skip
    environment = {**os.environ, "CRASHDRIVE_CACHE": "off"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as service:
        try:
            wait_for(out / ".lock", "\n")
            (crash / "vmcore.1").write_bytes(vmcore(ID)[:100])
            wait_for(out / "triage.jsonl", "truncated")
            (crash / "vmcore.1").write_bytes(vmcore(ID))
            wait_for(out / "triage.jsonl", "can't open this dump")
            (line,) = (out / "triage.jsonl").read_text().splitlines()
            assert json.loads(line)["dump"] == find_dumps([str(crash)]).dumps[0].id
            assert len(list((out / "results").iterdir())) == 1
            before = (out / "index.html").stat().st_ino
            (out / "known.toml").write_text("[[known")
            (out / "known.toml").write_text("[[known]]\nsignature = 'x'")
            began = time.monotonic()
            while (out / "index.html").stat().st_ino == before and time.monotonic() < began + 60:
                time.sleep(0.1)
            assert (out / "index.html").stat().st_ino != before
            service.send_signal(signal.SIGTERM)
            assert service.wait(30) == 0
        finally:
            service.kill()


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.1)
    pytest.fail(f"{text} never came")
