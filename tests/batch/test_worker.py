"""The process that triages one dump: what it finds, and what becomes of one that takes too much."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from crashdrive.batch.child import StoppedError, family, memory_of, run_job
from crashdrive.batch.find import find_dumps
from crashdrive.batch.jobs import Job
from crashdrive.batch.run import job_for
from crashdrive.batch.summary import dump_row, finding_rows
from crashdrive.batch.worker import done, wanted
from crashdrive.batch.workers import Workers
from crashdrive.errors import CrashdriveError
from crashdrive.session.session import Session
from tests.batch.fakes import found
from tests.batch.recorded import DEADLOCK, session_file
from tests.dump.test_find import ID, vmcore, vmlinux

VERSION = """#!/bin/sh
if [ "$1" = -v ]; then printf '\\ncrash 9.9.9\\nGNU gdb (GDB) 16.2\\n'; exit; fi
"""


def job(place: Path, body: str = "", **more: Any) -> Job:
    """A job on a small dump, for a crash that does what a shell script says."""
    (place / "vmcore").write_bytes(vmcore(ID))
    (place / "vmlinux").write_bytes(vmlinux(ID))
    crash = place / "crash"
    crash.write_text(VERSION + body)
    crash.chmod(0o755)
    (one,) = find_dumps([str(place / "vmcore")]).dumps
    assert one.trouble is None
    return Job(id=one.id, vmcore=one.path, vmlinux=one.vmlinux, crash=(str(crash),), **more)


def test_a_recorded_dump_is_triaged() -> None:
    steps: list[str] = []
    replay = session_file(DEADLOCK)
    result = run_job(Job(id="1", vmcore="/x/vmcore", replay=replay), tell=steps.append)
    assert (result.status, result.reason) == ("complete", None)
    assert steps == ["opening", *wanted(Job(id="1", vmcore=""))]
    row = dump_row(found(1), result, 0.0)
    assert (row["kind"], row["function"]) == (
        "hung",
        result.reports["panic"]["tables"]["verdict"][0]["function"],
    )
    assert row["waits_for"].startswith("deadlock: ")
    assert row["host"] is None  # the guest has set no name
    assert row["crash_version"] == "9.0.2"
    assert {one["kind"] for one in finding_rows(found(1), result)} >= {"deadlock", "hung-task"}
    assert result.peak_memory
    assert result.peak_memory > 1 << 20


def test_parts_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    import crashdrive.reports

    run = crashdrive.reports.run_report

    def counted(crash: Any, name: str, **options: Any) -> Any:
        asked.append(name)
        return run(crash, name, **options)

    monkeypatch.setattr("crashdrive.reports.run_report", counted)
    one = Job(id="1", vmcore="/x", replay=session_file(DEADLOCK), reports=("hang", "netns"))
    result = done(one)
    assert len(asked) == len(set(asked))
    # triage runs those itself that the job doesn't name
    assert asked.index("hang") < asked.index("triage") < asked.index("netns") == len(asked) - 1
    assert set(result.reports) == {*wanted(one)}


def test_a_report_that_fails_hides_no_other() -> None:
    one = Job(id="1", vmcore="/x", replay=session_file(DEADLOCK), reports=("stacks",))
    result = done(one)
    assert (result.status, result.kind) == ("incomplete", "report")
    assert str(result.reason).startswith("report stacks failed: ")
    assert result.reports.keys() >= {"triage", "panic", "hang"}


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ("exec sleep 100", "deadline", "not done in 3 s: it was at '"),
        ("echo no kernel here; exit 1", "unusable", "no kernel here"),
        ("kill -9 $$", "unusable", "killed by SIGKILL"),
    ],
)
def test_what_crash_does_to_a_worker(tmp_path: Path, body: str, kind: str, told: str) -> None:
    one = job(tmp_path, body, deadline=3 if kind == "deadline" else 60)
    result = run_job(one)
    assert (result.status, result.kind) == ("failed", kind)
    assert told in str(result.reason)
    assert not crashes(tmp_path)


def test_one_that_eats_memory_is_ended(tmp_path: Path) -> None:
    eater = 'exec python3 -c "import time; x = bytearray(400 << 20); time.sleep(60)"'
    result = run_job(job(tmp_path, eater, memory=300 << 20))
    assert (result.status, result.kind) == ("failed", "memory")
    assert "more than 300 MiB" in str(result.reason)
    assert result.peak_memory
    assert result.peak_memory > 300 << 20
    assert not crashes(tmp_path)


def test_stopped_it_leaves_nothing_behind(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    with pytest.raises(StoppedError):
        run_job(job(tmp_path, "exec sleep 100"), stop=stop)
    assert not crashes(tmp_path)


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    """Also its last words, such as those of Python that could not start."""
    one = job(tmp_path, "exec sleep 100")

    def kill(step: str) -> None:
        if step == "opening":
            os.kill(the_worker(), signal.SIGKILL)

    result = run_job(one, tell=kill)
    assert (result.status, result.kind, result.reason) == (
        "failed",
        "died",
        "its worker ended: killed by SIGKILL",
    )
    assert not crashes(tmp_path)


def test_workers_whose_parent_is_killed_go_on_and_others_get_another() -> None:
    one = Job(id="1", vmcore="/x/vmcore", replay=session_file(DEADLOCK))
    parents: list[int] = []

    def kill(step: str) -> None:
        if step == "opening":
            parents.append(parent := parent_of_workers())
            if len(parents) == 1:
                os.kill(parent, signal.SIGKILL)

    with Workers() as workers:
        found = [run_job(one, tell=kill, workers=workers).status for _ in range(3)]
    assert found == ["complete"] * 3
    assert parents[0] != parents[1] == parents[2]
    assert family(os.getpid()).isdisjoint(parents)


def test_a_parent_of_workers_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose worker hangs in the kernel, where no signal reaches it."""
    monkeypatch.setattr("crashdrive.batch.workers._GRACE", 0.5)
    one = Job(id="1", vmcore="/x/vmcore", replay=session_file(DEADLOCK))
    parents: set[int] = set()
    with Workers() as workers:
        run_job(one, tell=lambda _step: parents.add(parent_of_workers()), workers=workers)
        (parent,) = parents
        os.kill(parent, signal.SIGSTOP)
    assert parent not in family(os.getpid())


def test_a_result_may_go_where_names_are_no_utf_8(tmp_path: Path) -> None:
    scratch = tmp_path / os.fsdecode(b"\xff")
    scratch.mkdir()
    one = Job(id="1", vmcore="/x/vmcore", replay=session_file(DEADLOCK))
    assert run_job(one, scratch=str(scratch)).status == "complete"


def test_a_script_of_a_worker_comes_to_its_end(tmp_path: Path) -> None:
    """What it prints and reports is kept, and what it registered for its end is done."""
    script = tmp_path / "script.py"
    script.write_text(
        "import atexit, pathlib, sys\n"
        "atexit.register(lambda: pathlib.Path(sys.argv[1]).write_text('done'))\n"
        "print(__name__)\n"
        "def report(crash):\n    return [{'words': len(sys.argv)}]\n"
    )
    one = Job(
        id="1", vmcore="/x/vmcore", replay=session_file(DEADLOCK),
        script=(str(script), str(tmp_path / "end")),
    )  # fmt: skip
    result = run_job(one)
    kept = {
        "script": "script.py",
        "status": 0,
        "stdout": "__main__\n",
        "stderr": "",
        "report": [{"words": 2}],
    }
    assert (result.status, result.script) == ("complete", kept)
    assert (tmp_path / "end").read_text() == "done"


def test_what_a_script_reports_is_as_incomplete_as_it_says(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from crashdrive.kernel.memory.columns import Columns, Gap\n"
        "def report(crash):\n    return Columns(fields=('pid',), addresses=(16,), columns=((None,),),\n"
        "        gaps=(Gap(0, 0, 16, 'excluded'),))\n"
    )
    one = Job(id="1", vmcore="/x", replay=session_file(DEADLOCK), script=(str(script),))
    result = run_job(one)
    assert result.script is not None
    assert (result.script["status"], result.script["report"]) == (5, [{"pid": None}])


def test_a_defect_of_a_report_is_told_with_its_last_words() -> None:
    result = run_job(Job(id="1", vmcore="/x", replay=session_file(DEADLOCK), reports=("nosuch",)))
    assert result.status == "failed"
    assert "nosuch" in str(result.reason)


def test_its_client_gone_it_is_gone_too(tmp_path: Path) -> None:
    """A batch that is killed leaves no worker and no crash."""
    one = job(tmp_path, "exec sleep 100")
    pid = os.fork()
    if pid == 0:
        try:
            run_job(one)
        finally:
            os._exit(0)
    began = time.monotonic()
    while not crashes(tmp_path) and time.monotonic() - began < 30:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while crashes(tmp_path) and time.monotonic() - began < 60:
        time.sleep(0.05)
    assert not crashes(tmp_path)


def test_a_job_names_what_was_found() -> None:
    from crashdrive.batch.run import Options

    one = job_for(found(1, vmlinux="/k"), Options(memory=5, reports=("netns",)))
    assert (one.vmcore, one.vmlinux, one.memory, one.reports) == ("/var/crash/1/vmcore", "/k", 5, ("netns",))


def test_memory_of_processes_that_are_gone_is_none() -> None:
    assert memory_of({2**22 + 5}) == 0
    assert os.getpid() in family(os.getpid())


def test_an_unusable_dump_is_an_error_of_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> Session:
        raise CrashdriveError("says no")

    monkeypatch.setattr("crashdrive.crash.open_dump", refuses)
    result = done(Job(id="1", vmcore=str(tmp_path)))
    assert (result.status, result.reason, result.kind) == ("failed", "says no", "unusable")


def the_worker() -> int:
    """The one worker: what it forks has its name, too, until another program is in it."""
    named = {pid for pid in family(os.getpid()) if name(pid) == "crashdrive-job"}
    (worker,) = [pid for pid in named if parent_of(pid) not in {0, *named}]
    return worker


def parent_of_workers() -> int:
    return parent_of(the_worker())


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def crashes(place: Path) -> list[int]:
    """Processes that work on a dump in this folder."""
    wanted = os.fsencode(place)
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and wanted in command_line(pid)]
