"""A warm session on a real crash: the same answers, contexts that don't mix, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from crashdrive.session import Session
from crashdrive.session.warm.client import warm_session
from crashdrive.session.warm.find import Wanted
from crashdrive.session.warm.frames import Told
from crashdrive.session.warm.look import sessions
from tests.live.conftest import crash_binary, dump_file
from tests.session.places import gone

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

COMMANDS = (
    "sys", "ps", "bt -a", "mod", "log", "struct task_struct", "whatis schedule", "sym jiffies", "kmem -i",
    "foreach bt", "list task_struct.tasks -H init_task -s task_struct.pid", "nosuch", "rd -x ffffffff 1",
)  # fmt: skip
# each leaves another trace
SETTINGS = (
    "set 1",
    "set radix 16",
    "set scope do_exit",
    "set print_max 5",
    "hex",
    "set null-stop off",
    "set -c 1",
)


@pytest.fixture
def warm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wanted]:
    vmcore, crash = dump_file("6.1-elf-sysrq", "vmcore.filtered"), crash_binary("8.0.6")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("CRASHDRIVE_SESSION", "on")
    wanted = Wanted(str(vmcore.with_name("vmlinux")), str(vmcore), [str(crash)])
    run("session", "start", "--crash", str(crash), wanted.vmlinux or "", wanted.vmcore)
    yield wanted
    run("session", "stop", "--all")
    assert not any((runtime / "crashdrive").iterdir())


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "crashdrive", *words], capture_output=True, timeout=300, check=True
    )


def client(wanted: Wanted) -> Session:
    found = warm_session(wanted, timeout=120, notify=print, otherwise=lambda: pytest.fail("no server"))
    assert found is not None
    return found


def said(session: Session, commands: Sequence[str] = COMMANDS) -> list[tuple[str, bytes, object]]:
    session.run("bt -D clear").check()
    results = [session.run(command) for command in commands]
    return [(result.command, result.raw, result.failure) for result in results]


def told() -> Told:
    """What the only session says of itself, as soon as nobody has crash."""
    deadline = time.monotonic() + 200
    while True:
        (seen,) = sessions()
        assert seen.told is not None
        assert time.monotonic() < deadline
        if seen.told.holder is None:
            return seen.told
        time.sleep(0.2)


def test_a_warm_session(warm: Wanted) -> None:
    with Session.open(warm.vmlinux, warm.vmcore, crash=warm.crash) as own:
        expected = said(own)
        # not all of them need be done: crash fails at a CPU that was entering the kernel (set -c)
        settled = {command: (raw, failure) for command, raw, failure in said(own, SETTINGS)}
    with client(warm) as one, client(warm) as other:
        context, variables = other.run("set").text, other.run("set -v").text
        assert said(one) == expected
        contexts = set()
        for setting in SETTINGS:
            done = one.run(setting)
            assert (done.raw, done.failure) == settled[setting]
            mine = (one.run("set").text, one.run("set -v").text)
            assert (other.run("set").text, other.run("set -v").text) == (context, variables)
            assert (one.run("set").text, one.run("set -v").text) == mine
            contexts.add(mine[0])
        # a panic on CPU 1 makes the last setting the first context again
        assert contexts - {context}
        assert mine[1] != variables
        assert told().restarts == 0
    began = sum(os.times()[2:4])
    asked = run("exec", "--crash", warm.crash[0], warm.vmcore, "p jiffies")
    assert asked.stdout.startswith(b"jiffies = ")
    assert sum(os.times()[2:4]) - began < 1.0  # not a start: it takes several seconds
    with client(warm) as one:
        assert one.run("mod -S").command == "mod -S"
    last = told()
    assert last.restarts == 1
    (seen,) = sessions()
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGKILL)
    assert last.crash_pid is not None
    assert gone(seen.pid, last.crash_pid, seconds=60)
    assert not list(sessions())
