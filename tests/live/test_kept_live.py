"""What is given again without crash is what crash says, of a copy of the dump under another name too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report
from crashdrive.session.kept import KeptSession
from crashdrive.session.result import Failure

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

# the smallest dump
ONCE = ("6.12-kdump-sysrq", "vmcore")
COMMANDS = (
    "ps", "bt 1", "log", "mod", "p jiffies", "struct list_head", "sym jiffies", "whatis schedule", "mount",
    "net", "kmem -i", "rd -8 jiffies 8", "struct no_such_struct",
)  # fmt: skip
IN_CONTEXT = ("set 1", "bt", "set")


class Said(NamedTuple):
    """What a session gave, and whether crash was started for it."""

    report: Report
    tasks: list[tuple[int | None, str | None]]
    banner: bytes
    printed: list[tuple[str, bytes, Failure | None]]
    started: bool


def asked(crash: Crash) -> Said:
    """All that is asked."""
    report = crash.run_report("sockstat")
    tasks = [(task.pid, task.comm) for task in crash.kernel.tasks()]
    banner = crash.kernel.read(crash.kernel.symbols.address("linux_banner"), 64)
    results = [crash.run(command) for command in (*COMMANDS, *IN_CONTEXT)]
    assert isinstance(crash.session, KeptSession)
    printed = [(one.command, one.raw, one.failure) for one in results]
    return Said(report, tasks, banner, printed, crash.session.started)


def test_what_was_asked_is_answered_without_crash(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (lab.name, lab.vmcore.name) != ONCE:
        pytest.skip("seen on one dump; others differ in what crash says")
    monkeypatch.delenv("CRASHDRIVE_NO_CACHE")
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "other name"
    shutil.copy(lab.vmcore, copy)
    chosen = [str(lab.crash)]
    with open_dump(lab.vmlinux, lab.vmcore, crash=chosen) as crash:
        first = asked(crash)
    assert first.started
    for dump in (lab.vmcore, copy):
        with open_dump(lab.vmlinux, dump, crash=chosen) as crash:
            again = asked(crash)
        assert not again.started
        assert (again.tasks, again.banner, again.printed) == (first.tasks, first.banner, first.printed)
        assert (again.report.tables, again.report.source) == (first.report.tables, "store")
        assert again.report.dump["vmcore"] == str(dump)
    # another crash, that nothing is kept of, says the same
    plain = [lab.session.run(command).raw for command in COMMANDS]
    assert list(map(counted_anew, plain)) == [counted_anew(raw) for _, raw, _ in first.printed[: len(plain)]]


@pytest.mark.parametrize("name", ["blocked", "slabs", "stuck", "mounts", "devices"])
def test_a_kept_script_prints_what_a_run_of_it_prints(lab: Any, tmp_path: Path, name: str) -> None:
    if (lab.name, lab.vmcore.name) != ONCE:
        pytest.skip("seen on one dump: what a script is given is what commands and reports are")
    root = Path(__file__).parents[2]
    script = root / "benchmarks/five" / f"{name}.py"
    words = ["--crash", str(lab.crash), str(lab.vmlinux), str(lab.vmcore), str(script)]
    environment = {**os.environ, "CRASHDRIVE_CACHE": str(tmp_path / "cache"), "CRASHDRIVE_SESSION": "off"}
    environment.pop("CRASHDRIVE_NO_CACHE", None)

    def ran(*options: str) -> tuple[int, bytes, str]:
        command = [sys.executable, "-m", "crashdrive", "run", *options, *words]
        done = subprocess.run(command, capture_output=True, cwd=root, env=environment, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    first = ran()
    assert first[0] in {0, 5}
    assert first[1]
    assert ran() == first
    again = ran("-v")
    assert again[1] == first[1]
    assert "crashdrive: out of the store in " in again[2]
    assert "crash>" not in again[2]
    assert ran("--no-cache")[:2] == first[:2]


def counted_anew(raw: bytes) -> bytes:
    """What was printed, without gdb's numbers of values."""
    return re.sub(rb"\$\d+ =", b"$ =", raw)
