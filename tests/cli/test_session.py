"""``crashdrive session``, as a user types it: a fake crash, real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dump.test_find import ID, vmcore, vmlinux
from tests.session.conftest import Fake
from tests.session.places import gone


class Host:
    """Files, and command lines run on them."""

    def __init__(self, folder: Path) -> None:
        self.fake = Fake(folder / "fake")
        self.kernel, self.dump = folder / "kernel", folder / "dump"
        self.kernel.write_bytes(vmlinux(ID))
        self.dump.write_bytes(vmcore(ID))
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        self.sockets = runtime / "crashdrive"
        self.environment = {
            **os.environ, "XDG_RUNTIME_DIR": str(runtime), "CRASHDRIVE_CRASH": str(self.fake.path),
            "CRASHDRIVE_TMPDIR": str(folder), "CRASHDRIVE_CACHE": str(folder / "cache"),
            "CRASHDRIVE_SESSION": "on",
        }  # fmt: skip

    def run(self, *words: str, **changed: str) -> tuple[int, str, str]:
        """Exit status, standard output and error."""
        done = subprocess.run(
            [sys.executable, "-m", "crashdrive", *words],
            capture_output=True, timeout=120, check=False, env=self.environment | changed,
        )  # fmt: skip
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def listed(self) -> list[dict[str, object]]:
        status, out, _ = self.run("session", "list", "--format", "json")
        assert status == 0
        rows: list[dict[str, object]] = json.loads(out)["tables"]["sessions"]
        return rows


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.run("session", "stop", "--all")


def test_from_start_to_stop(host: Host) -> None:
    files = (str(host.kernel), str(host.dump))
    status, out, said = host.run("session", "start", "--idle", "2h", *files)
    assert (status, out) == (0, "")
    assert "keeps crash ready" in said
    assert host.run("session", "start", *files)[2].endswith("keeps crash ready for this dump already\n")
    pid = str(host.listed()[0]["crash_pid"])
    started = (host.fake.folder / "started").stat().st_size
    for words in (["log"], ["ps", "list"], ["log", "nosuch"]):
        warm = host.run("exec", *files, *words)
        assert (host.fake.folder / "started").stat().st_size == started
        assert "is used" in host.run("exec", "-v", *files, *words)[2]
        assert host.run("exec", "--no-session", *files, *words) == warm
        assert host.run("exec", *files, *words, CRASHDRIVE_SESSION="off") == warm
        started += 2
    (row,) = host.listed()
    assert (row["vmcore"], row["crash_pid"], row["usable"]) == (str(host.dump), int(pid), True)
    assert (row["idle_limit"], row["clients"]) == (7200, 0)
    status, _, said = host.run("session", "stop", str(host.dump))
    assert status == 0
    assert said == f"crashdrive: ended: process {row['pid']}, {host.dump}\n"
    assert gone(int(pid), int(str(row["pid"])))
    assert host.listed() == []
    assert not any(host.sockets.iterdir())
    assert host.run("session", "stop", str(host.dump))[0] == 1


def test_a_killed_server_leaves_nothing(host: Host) -> None:
    host.run("session", "start", str(host.dump), str(host.kernel))
    (row,) = host.listed()
    os.kill(int(str(row["pid"])), signal.SIGKILL)
    assert gone(int(str(row["pid"])), int(str(row["crash_pid"])))
    assert host.run("exec", str(host.kernel), str(host.dump), "echo 1")[:2] == (0, "1\n")
    assert not any(host.sockets.iterdir())
    assert not list(host.dump.parent.glob("crashdrive-*"))


def test_a_stopped_server_is_not_waited_for(host: Host) -> None:
    host.run("session", "start", str(host.kernel), str(host.dump))
    (row,) = host.listed()
    os.kill(int(str(row["pid"])), signal.SIGSTOP)
    status, out, said = host.run("exec", "-v", str(host.kernel), str(host.dump), "echo 1")
    assert (status, out) == (0, "1\n")
    assert "is not used: the other end says nothing" in said
    status, _, said = host.run("session", "stop", "--all")
    assert status == 0
    assert "did not answer" in said
    assert gone(int(str(row["pid"])), int(str(row["crash_pid"])))


def test_a_start_that_fails(host: Host) -> None:
    broken = Fake(host.dump.parent / "broken", "exits")
    status, _, said = host.run(
        "session", "start", str(host.kernel), str(host.dump), CRASHDRIVE_CRASH=str(broken.path)
    )
    assert status == 3
    assert "something is wrong" in said
    assert host.run("session", "start", "/nowhere")[0] == 3
    assert host.run("session", "start", str(host.dump), "ps")[0] == 2
    assert host.run("session", "start", "--idle", "soon", str(host.dump))[0] == 2
    assert host.run("session", "stop")[0] == 2
    assert host.run("session", "list", CRASHDRIVE_CACHE="off", XDG_RUNTIME_DIR="")[0] == 0


def test_a_folder_that_others_reach(host: Host) -> None:
    host.sockets.mkdir(mode=0o755)
    host.sockets.chmod(0o755)
    status, _, said = host.run("session", "start", str(host.kernel), str(host.dump))
    assert status == 1
    assert "chmod 700" in said
    status, out, said = host.run("exec", "-v", str(host.kernel), str(host.dump), "echo 1")
    assert (status, out) == (0, "1\n")
    assert "warm sessions are not used" in said


@pytest.mark.parametrize(
    "words", [["session"], ["session", "start"], ["session", "list"], ["session", "stop"]]
)
def test_help(host: Host, words: list[str]) -> None:
    status, out, said = host.run(*words, "--help")
    assert (status, said) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
