"""crash on another host: a real crash and a real dump behind an sshd on the loopback, by a long wire."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.live.conftest import crash_binary, dump_file
from tests.session.remote.server import Sshd
from tests.session.remote.wire import Wire

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

SECONDS = 0.05  # each way
# of `report netstat`, of a kernel whose types are known; of one never seen, by two connections
MOST_ROUNDS, MOST_ROUNDS_AT_FIRST = 40, 50
_ROUNDS = re.compile(
    r"^crashdrive: (\d+) round trips to 127\.0\.0\.1, beside those of ssh's own$", re.MULTILINE
)
AGAIN = "crashdrive: warning: crash was started again; its context was put back"


class Said(NamedTuple):
    """What a command line came to."""

    status: int
    out: str
    err: str

    @property
    def rounds(self) -> int:
        """Round trips, the last time that they were told."""
        return int(_ROUNDS.findall(self.err)[-1])

    @property
    def answer(self) -> Any:
        """Tables, and whether they are complete."""
        told = json.loads(self.out)
        return told["complete"], told["tables"]


class Desk:
    """A user of another host, with a cache of their own."""

    def __init__(self, sshd: Sshd, wire: Wire, folder: Path) -> None:
        vmcore = dump_file("6.12-kdump-sysrq").resolve()
        vmlinux = dump_file("6.12-kdump-sysrq", "vmlinux").resolve()
        options = [word for option in sshd.options(port=wire.port) for word in ("--ssh-option", option)]
        self.there = ["--host", "127.0.0.1", "--identity", str(sshd.folder / "key"), *options]
        self.files = ["--crash", str(crash_binary("9.0.2")), str(vmlinux), str(vmcore)]
        self.wire = wire
        self._folder = folder

    def run(self, *words: str, cut_after: int | None = None) -> Said:
        """Run crashdrive; ``cut_after``: cut the wire when so many bytes came behind the opening."""
        env = {
            **os.environ,
            "CRASHDRIVE_CACHE": str(self._folder / "cache"),
            "TMPDIR": str(self._folder),
        }
        others = folders()
        with (self._folder / "out").open("w") as out, subprocess.Popen(
            [sys.executable, "-m", "crashdrive", *words, "-v", "--refresh"],
            stdout=out, stderr=subprocess.PIPE, text=True, env=env,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            err = []
            for line in process.stderr:
                err.append(line)
                if cut_after is not None and line.startswith("crashdrive: opened: "):
                    self.wire.cut_after(cut_after)
        assert nothing_stays(others)
        return Said(process.returncode, (self._folder / "out").read_text(), "".join(err))

    def netstat(self, cut_after: int | None = None) -> Said:
        """Its sockets."""
        return self.run(
            "report", "netstat", *self.there, "--format", "json", *self.files, cut_after=cut_after
        )


def folders() -> set[Path]:
    """Folders of hosts: the host there is this one, and they are named by 16 digits."""
    return set(Path("/dev/shm").glob("crashdrive-x" + "[0-9a-f]" * 16))


def nothing_stays(others: set[Path], seconds: float = 20) -> bool:
    """Whether those vanish that aren't another process's, which were there before."""
    deadline = time.monotonic() + seconds
    while folders() - others:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("remote")
    (folder / "sshd").mkdir()
    (folder / "here").mkdir()
    sshd = Sshd(folder / "sshd")
    with Wire(sshd.port, SECONDS) as wire:
        yield Desk(sshd, wire, folder / "here")
    sshd.stop()


@pytest.fixture(scope="module")
def here(desk: Desk) -> Said:
    """The report of the same files on this host."""
    return desk.run("report", "netstat", "--no-session", "--format", "json", *desk.files)


@pytest.fixture(scope="module")
def cut(desk: Desk) -> Said:
    """The first report from there, of a kernel that is not known, cut in the middle of memory."""
    return desk.netstat(cut_after=200_000)


def test_a_report_survives_a_wire_that_is_cut(desk: Desk, cut: Said, here: Said) -> None:
    assert desk.wire.cuts == 1
    assert AGAIN in cut.err
    assert cut.status == here.status == 0
    assert cut.answer == here.answer


def test_few_round_trips(desk: Desk, cut: Said, here: Said) -> None:
    """Held by their number: their time is the wire's."""
    assert cut.rounds <= MOST_ROUNDS_AT_FIRST
    known = desk.netstat()
    assert known.answer == here.answer
    assert len(known.answer[1]["sockets"]) > 150
    assert known.rounds <= MOST_ROUNDS


def test_a_command_whose_wire_is_cut(desk: Desk) -> None:
    """It is an error, one line; the next command has a crash of its own."""
    cuts = desk.wire.cuts
    # within the kernel's text, which is at another address in each guest
    rows = "rd _stext 1000000"
    said = desk.run("exec", *desk.there, *desk.files, rows, "eval 0x11", cut_after=500_000)
    assert desk.wire.cuts == cuts + 1
    assert said.status == 3
    assert f"crashdrive: crash ended: 127.0.0.1: the connection broke during `{rows}`\n" in said.err
    assert "hexadecimal: 11" in said.out
    assert AGAIN in said.err
