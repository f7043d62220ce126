"""What a user sees of another host that can't be used: one line, an exit status, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.dump.test_find import vmcore, vmlinux
from tests.session.remote.server import Sshd
from tests.session.remote.wire import Wire

BUILD_ID = b"\x11" * 20


class Said(NamedTuple):
    """What a command line came to."""

    status: int
    lines: list[str]


class Desk:
    """A user with a cache of their own, and files on the host that they reach."""

    def __init__(self, sshd: Sshd, folder: Path) -> None:
        self.sshd, self.folder = sshd, folder
        self.vmlinux, self.vmcore = folder / "vmlinux", folder / "vmcore"
        self.vmlinux.write_bytes(vmlinux(BUILD_ID))
        self.vmcore.write_bytes(vmcore(BUILD_ID))
        self.crash = folder / "crash"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()

    def say(self, *words: str | Path) -> Said:
        """Run crashdrive; nothing may be left of it among temporary files."""
        done = subprocess.run(
            [sys.executable, "-m", "crashdrive", *words],
            capture_output=True, text=True, check=False, timeout=120,
            env={
                **os.environ,
                "CRASHDRIVE_CACHE": str(self.folder / "cache"),
                "TMPDIR": str(self.temporary),
            },
        )  # fmt: skip
        assert not done.stdout
        assert not list(self.temporary.iterdir())
        return Said(done.returncode, done.stderr.splitlines())

    def exec(
        self, *words: str | Path, options: Sequence[str] = (), host: str = "127.0.0.1", key: str = "key"
    ) -> Said:
        """Run `crashdrive exec` on the host."""
        chosen = [word for option in (*options, *self.sshd.options()) for word in ("--ssh-option", option)]
        identity = str(self.sshd.folder / key)
        return self.say("exec", "--host", host, "--identity", identity, *chosen, *words)


@pytest.fixture
def desk(sshd: Sshd, tmp_path: Path) -> Desk:
    return Desk(sshd, tmp_path)


def fails(said: str) -> Said:
    return Said(3, [f"crashdrive: {said}"])


def test_a_host_that_nobody_knows(desk: Desk) -> None:
    assert desk.exec("/var/crash/vmcore", "sys", host="me@nosuch.invalid") == fails(
        "me@nosuch.invalid: no host of that name is known"
    )


def test_a_host_that_does_not_let_in(desk: Desk) -> None:
    assert desk.exec(desk.vmcore, "sys", options=["Port=1"]) == fails(
        "127.0.0.1: nothing takes ssh connections there"
    )
    assert desk.exec(desk.vmcore, "sys", options=["UserKnownHostsFile=/nonexistent"]) == fails(
        "127.0.0.1: its host key is not known here: say `ssh 127.0.0.1` once, and check the key"
    )
    assert desk.exec(desk.vmcore, "sys", key="other") == fails(
        "127.0.0.1: it wants a password or another key, and crashdrive asks for none: "
        "`ssh-copy-id 127.0.0.1`, or an agent"
    )


def test_files_that_are_not_there(desk: Desk) -> None:
    missing = desk.folder / "sub" / "vmcore"
    assert desk.exec(missing, "sys") == fails(f"127.0.0.1:{missing}: no such file there")
    desk.vmcore.write_bytes(b"")
    assert desk.exec(desk.vmcore, "sys") == fails(f"127.0.0.1:{desk.vmcore}: is empty")


def test_a_vmlinux_that_is_not_there(desk: Desk) -> None:
    desk.vmlinux.unlink()
    status, (line,) = desk.exec(desk.vmcore, "sys")
    assert status == 3
    assert line.startswith("crashdrive: no vmlinux on 127.0.0.1 for the dump (kernel 6.1.0-test, build id 11")
    assert f"looked for {desk.vmlinux}, " in line
    assert line.endswith("; name it, or its folder by --debug-dir")


def test_a_vmlinux_of_another_build(desk: Desk) -> None:
    desk.vmlinux.write_bytes(vmlinux(b"\x22" * 20))
    status, (line,) = desk.exec(desk.vmlinux, desk.vmcore, "sys")
    assert status == 3
    assert f"'127.0.0.1:{desk.vmlinux}' is of another build than the dump '127.0.0.1:{desk.vmcore}'" in line


def test_a_crash_that_is_not_there(desk: Desk) -> None:
    assert desk.exec("--crash", "/opt/none/crash", desk.vmcore, "sys") == fails(
        "127.0.0.1: no crash at /opt/none/crash (named by --crash)"
    )


def test_a_crash_that_does_not_come_up(desk: Desk) -> None:
    status, (line,) = desk.exec("--crash", "/bin/true", desk.vmcore, "sys")
    assert status == 3
    assert line.startswith(
        "crashdrive: crash can't open this dump (5 starts tried): /bin/true (?): crash ended"
    )


def test_a_connection_that_is_cut_while_it_is_made(desk: Desk) -> None:
    with Wire(desk.sshd.port, 0) as wire:
        wire.cut_after(1)
        status, (line,) = desk.exec(desk.vmcore, "sys", options=[f"Port={wire.port}"])
        assert status == 3
        assert line.startswith("crashdrive: 127.0.0.1: no connection: ")
        assert wire.cuts == 1


def test_a_host_that_takes_the_connection_and_says_nothing(desk: Desk) -> None:
    with Wire(desk.sshd.port, 600) as wire:
        options = [f"Port={wire.port}", "ConnectTimeout=1"]
        assert desk.exec(desk.vmcore, "sys", options=options) == fails("127.0.0.1: it does not answer")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--ssh-option", "Port=1"],
            "--ssh-option and --identity go with --host (see crashdrive exec --help)",
        ),
        (
            ["--host", "-oProxyCommand=id"],
            "'-oProxyCommand=id' is no host that ssh can be given (such as user@box)",
        ),
        (["--host", "box", "--identity", "/nonexistent"], "no key at '/nonexistent' (--identity)"),
        (["--host", "box", "--ssh-option", "nonsense"], "'nonsense' is no option of ssh (such as Port=2222)"),
    ],
)
def test_words_that_are_no_host(desk: Desk, words: list[str], said: str) -> None:
    assert desk.say("exec", *words, desk.vmcore, "sys") == Said(2, [f"crashdrive: {said}"])
