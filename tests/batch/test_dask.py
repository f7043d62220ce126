"""A batch on a real Dask scheduler and worker processes over TCP, one of which is killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from crashdrive.batch.dask import DaskWork, _content, _here, remote_of_sent
from crashdrive.batch.jobs import Job, Result, job_line, unpacked
from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.run import Batch, Options, local_work, plan
from crashdrive.batch.workers import Workers
from crashdrive.errors import TargetError
from tests.batch.fakes import found
from tests.batch.recorded import DEADLOCK, session_file

_PROGRAM = [sys.executable, "-c", "import sys; from dask.__main__ import main; sys.argv[0] = 'dask'; main()"]


def start(*words: str, place: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CRASHDRIVE_CACHE": "off", "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h"}
    with (place / "log").open("ab") as log:
        return subprocess.Popen(
            [*_PROGRAM, *words], cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Cluster:
    """A scheduler, and workers of one crash each."""

    def __init__(self, place: Path, workers: int) -> None:
        self._place = place
        file = place / "scheduler.json"
        self.processes = [
            start("scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file",
                  str(file), place=place),
        ]  # fmt: skip
        wait_until(file.exists)
        wait_until(lambda: bool(re.search(r'"address": *"tcp://', file.read_text())))
        match = re.search(r'"address": *"(tcp://[^"]+)"', file.read_text())
        assert match is not None
        self.address = match[1]
        for _ in range(workers):
            self.processes.append(
                start("worker", self.address, "--resources", "crash=1", "--nthreads", "1", "--no-nanny",
                      "--no-dashboard", "--local-directory", str(place), place=place)
            )  # fmt: skip

    def close(self) -> None:
        for process in reversed(self.processes):
            end(process)


def wait_until(true: object, seconds: float = 120) -> None:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    one = Cluster(tmp_path, 2)
    yield one
    one.close()


def rows(ledger: Ledger) -> list[tuple[object, ...]]:
    columns = "dump, status, title, bucket, frames, findings, waits_for, attempts"
    return [tuple(row) for row in ledger.rows(f"SELECT {columns} FROM dumps ORDER BY dump")]  # noqa: S608 - ours


@pytest.mark.slow
def test_a_worker_is_lost_and_the_answer_is_the_same(cluster: Cluster, tmp_path: Path) -> None:
    replay = session_file(DEADLOCK)
    dumps = [found(number) for number in range(4)]
    local, remote = (Ledger(open_folder(tmp_path / name)) for name in ("local", "remote"))

    def recorded(batch: object) -> object:
        def work(job: Job, tell: object, stop: threading.Event) -> Result:
            import msgspec

            assert callable(batch)
            result: Result = batch(msgspec.structs.replace(job, replay=replay), tell, stop)
            return result

        return work

    with Workers() as workers:
        Batch(local, Options(jobs=2), work=recorded(local_work(workers))).run(dumps)  # type: ignore[arg-type] # a test's own
    with DaskWork(cluster.address) as work:
        wait_until(lambda: slots(work) == 2)
        killer = threading.Timer(2.0, end, [cluster.processes[1]])
        killer.start()
        Batch(remote, Options(jobs=work.slots), work=recorded(work)).run(plan(dumps, remote).todo)  # type: ignore[arg-type] # a test's own
        killer.join()
        assert slots(work) == 1
    assert rows(remote) == rows(local)
    local.close()
    remote.close()


@pytest.mark.slow
def test_a_dump_that_no_worker_sees_is_sent(cluster: Cluster, tmp_path: Path) -> None:
    replay, scratch, dump = session_file(DEADLOCK), tmp_path / "scratch", tmp_path / "vmcore"
    scratch.mkdir()
    dump.write_bytes(b"KDUMP   ")
    job = Job(id="13", vmcore=str(dump), vmlinux="/nowhere/vmlinux", replay=replay)
    with DaskWork(cluster.address, str(scratch)) as work:
        wait_until(lambda: slots(work) == 2)
        result = work(job, lambda _step: None, threading.Event())
        assert (result.status, result.vmcore) == ("complete", str(dump))
        assert result.reports["panic"]["dump"]["vmcore"] == str(dump)
        assert str(scratch) not in str(result)
        missing = work(
            msgspec.structs.replace(job, vmcore="/nowhere/vmcore"), lambda _step: None, threading.Event()
        )
        assert "can't be sent: No such file" in str(missing.reason)
        bad = DaskWork(cluster.address, str(tmp_path / "none"))
        assert "none" in str(bad(job, lambda _step: None, threading.Event()).reason)
        bad.close()
    assert list(scratch.iterdir()) == []


def test_a_sent_copy_is_what_the_worker_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def run(job: Job, *, scratch: str, workers: Workers) -> Result:
        assert workers is _here()
        opened.append((job, Path(job.vmcore).read_bytes(), scratch))
        return Result(id=job.id, vmcore=job.vmcore, status="failed", reason=f"{job.vmcore}: cut")

    monkeypatch.setattr("crashdrive.batch.dask.run_job", run)
    job = Job(id="13", vmcore="/var/crash/vmcore", vmlinux="/nowhere/vmlinux")
    result = unpacked(remote_of_sent(job_line(job), b"content", str(tmp_path)))
    assert (result.vmcore, result.reason) == ("/var/crash/vmcore", "/var/crash/vmcore: cut")
    ((here, content, scratch),) = opened
    assert (here.vmlinux, content, scratch) == (None, b"content", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_to_be_sent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.batch.dask._MOST_SENT", 3)
    (tmp_path / "vmcore").write_bytes(b"1234")
    with pytest.raises(OSError, match="larger than 0 MiB"):
        _content(str(tmp_path / "vmcore"))


def slots(work: DaskWork) -> int:
    try:
        return work.slots
    except TargetError:
        return 0


def test_no_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.batch.dask._CONNECT_SECONDS", 0.5)
    with pytest.raises(TargetError, match="no Dask scheduler answers"):
        DaskWork("tcp://127.0.0.1:1")
