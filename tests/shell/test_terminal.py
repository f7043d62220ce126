"""The shell as somebody types into it: a real terminal, of 80 columns."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

# as prompt_toolkit draws an empty one; a line that was typed is drawn anew behind the same words
PROMPT = "crashdrive>\x1b[11D"
Spawned = pexpect.spawn
Open = Callable[..., "pexpect.spawn[str]"]
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    children: list[pexpect.spawn[str]] = []

    def start(*words: str, **environment: str) -> pexpect.spawn[str]:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "crashdrive", "shell", *words],
            env={
                **os.environ, "CRASHDRIVE_CACHE": str(tmp_path / "cache"), "TERM": "xterm", "PAGER": "cat",
                "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1", **environment,
            },
            dimensions=(24, 80), encoding="utf-8", timeout=25, cwd=tmp_path,
        )  # fmt: skip
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def said(child: pexpect.spawn[str], line: str) -> str:
    """What a line is answered by; it is followed by a prompt."""
    child.send(f"{line}\r")
    child.expect_exact("\n")
    child.expect_exact(PROMPT)
    # a spinner wipes its own line
    return _CONTROL.sub("", re.sub(r"[^\n]*\r\x1b\[2K", "", child.before or ""))


def begun(child: pexpect.spawn[str]) -> pexpect.spawn[str]:
    child.expect_exact(PROMPT)
    return child


def test_commands_reports_python_and_rows(open_terminal: Open, recorded: Path, tmp_path: Path) -> None:
    child = begun(open_terminal("--replay", str(recorded)))
    assert "connections" in said(child, "ps")
    assert "324\n" in said(child, "next(t.pid for t in _ if t.pid == 324)")
    said(child, "tasks = crash.ps()")
    assert "324" in said(child, "[t.pid for t in tasks if t.pid == 324]")
    table = said(child, "netstat -lt --limit 3")
    lines = [line for line in table.splitlines() if line.strip()]
    assert any(line.split()[:2] == ["#", "PROTO"] for line in lines)
    assert max(map(len, lines)) <= 80
    assert "local_port" in said(child, "#1")
    assert "pwned" in said(child, "hostile")
    assert "\x1b]0;" not in (child.before or "")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    history = list((tmp_path / "cache" / "history").iterdir())
    assert len(history) == 1
    assert history[0].stat().st_mode & 0o777 == 0o600
    assert "+netstat -lt --limit 3" in history[0].read_text()


def test_tab_completes(open_terminal: Open, recorded: Path) -> None:
    child = begun(open_terminal("--replay", str(recorded)))
    child.send("report netsu\t")
    child.expect_exact("mmary")
    child.send("\x15sym init_ne\t")
    child.expect_exact("init_net")
    child.send("\x15q\r")
    child.expect(pexpect.EOF)


def test_interrupts_end_what_runs_alone(open_terminal: Open, recorded: Path) -> None:
    child = begun(open_terminal("--replay", str(recorded)))
    child.send("half a li\x03")
    child.expect_exact(PROMPT)
    child.send("import time; print('sleeping', 6 * 7); time.sleep(60)\r")
    child.expect_exact("sleeping 42")
    child.sendintr()
    child.expect_exact(PROMPT)
    assert "42" in said(child, "6 * 7")
    child.send("if True:\r")
    child.expect_exact("...\x1b[3D")
    child.sendintr()
    child.expect_exact(PROMPT)
    child.sendeof()
    child.expect(pexpect.EOF)


def test_long_answers_go_through_the_pager(open_terminal: Open, recorded: Path, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!{sys.executable}\nimport sys\nprint('PAGED', len(sys.stdin.read().splitlines()))\n")
    pager.chmod(0o755)
    child = begun(open_terminal("--replay", str(recorded), PAGER=str(pager)))
    assert re.search(r"PAGED \d\d+", said(child, "ps"))
    assert "PAGED" not in said(child, "sym init_net")
    said(child, "pager off")
    assert "PAGED" not in said(child, "ps")
    said(child, "pager on")
    assert "PAGED" not in said(child, "ps | head -40")
    child.sendeof()
    child.expect(pexpect.EOF)


def test_a_reader_who_leaves_the_pager_early(open_terminal: Open, recorded: Path) -> None:
    child = begun(open_terminal("--replay", str(recorded), PAGER="head -1"))
    assert "PID" in said(child, "ps")
    assert "init_net" in said(child, "sym init_net")
    child.sendeof()
    child.expect(pexpect.EOF)


def test_nothing_is_coloured_where_nobody_wants_it(open_terminal: Open, recorded: Path) -> None:
    child = begun(open_terminal("--replay", str(recorded)))
    child.send("netstat -lt --limit 3\r")
    child.expect_exact("PROTO")
    child.expect_exact(PROMPT)
    assert not re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", child.before or "")
    child.sendeof()
    child.expect(pexpect.EOF)
