"""The shell on a real dump: a command of crash that is interrupted, pids, rows, one crash for all lines."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from labkit import crashes, dumps

pytestmark = pytest.mark.live
PROMPT = "crashdrive>\x1b[11D"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    binary = crashes.there("8.0.6")
    if binary is None or dumps.facts("6.1-elf-sysrq") is None:
        if os.environ.get("CRASHDRIVE_REQUIRE_LAB"):
            pytest.fail("dump 6.1-elf-sysrq or crash 8.0.6 is missing")
        pytest.skip("dump 6.1-elf-sysrq or crash 8.0.6 is missing: scripts/lab makes them")
    child = pexpect.spawn(
        sys.executable,
        ["-m", "crashdrive", "shell", "--crash", str(binary), str(dumps.folder("6.1-elf-sysrq") / "vmcore")],
        env={
            **os.environ, "CRASHDRIVE_CACHE": str(tmp_path / "cache"), "TERM": "xterm", "PAGER": "cat",
            "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1",
        },
        dimensions=(24, 80), encoding="utf-8", timeout=120,
    )  # fmt: skip
    yield child
    child.close(force=True)


def said(child: pexpect.spawn[str], line: str) -> str:
    child.send(f"{line}\r")
    child.expect_exact("\n")
    child.expect_exact(PROMPT)
    wiped = re.sub(r"[^\n]*\r\x1b\[2K", "", child.before or "")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", wiped)


def test_a_session_of_somebody(terminal: pexpect.spawn[str]) -> None:
    terminal.expect_exact(PROMPT)
    assert "init" in said(terminal, "ps | grep -w init")
    init = said(terminal, "next(t for t in _ if t.pid == 1).task")
    address = f"{int(init):x}"
    assert f"TASK: {address}" in said(terminal, "#3.bt")
    assert "struct task_struct {" in said(terminal, "#3.struct")
    first = int(re.findall(r"\$(\d+) = ", said(terminal, "p jiffies_64"))[0])
    # crash repeats this until somebody stops it
    terminal.send("repeat -1 p jiffies_64\r")
    for _ in range(2):
        terminal.expect(r"jiffies_64 = \$\d+ = ")
    terminal.sendintr()
    terminal.expect_exact(PROMPT)
    # it is the same crash, whose gdb counts on
    assert int(re.findall(r"\$(\d+) = ", said(terminal, "p jiffies_64"))[0]) > first + 1
    # TAB draws what was missing
    for typed, rest in (("sym init_tas", "k"), ("struct task_struct.start_boott", "ime")):
        terminal.send(f"{typed}\t")
        terminal.expect_exact(rest + "\x1b")
        said(terminal, "")
    terminal.sendeof()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
