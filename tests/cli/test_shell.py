"""``crashdrive shell``."""

from __future__ import annotations

import io
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pykdumpkit as kit
import pytest

Cli = Callable[..., tuple[int, bytes, str]]
PS = b"""\
      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM
        1       0   1  ffff888003a54000  IN   0.1     2388      800  init
"""
REPORTS = kit.CHECKOUT / "golden_outputs" / "sessions"
SESSION = max(kit.RECORDINGS.glob(f"*/{kit.SESSION}"))


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [""])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def test_lines_of_the_command_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from pykdump.API import *\ncpus = sys_info.CPUS\n")
    status, out, _ = cli(
        "shell", "--replay", str(SESSION), "-c", f"epython {tmp_path}/one.py", "-c", ">>> cpus"
    )
    assert (status, out) == (0, b"2\n")


def test_lines_of_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("# nothing\n>>> 1 / 0\n>>> 6 * 7\nq\n>>> 'not reached'\n"))
    status, out, err = cli("shell", "--replay", str(SESSION))
    assert (status, out) == (1, b"42\n")
    assert err.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_line_that_crash_refuses_ends_no_session(cli: Cli) -> None:
    status, out, err = cli("shell", "--replay", str(SESSION), "-c", "bt -nosuch", "-c", ">>> 'on'")
    assert (status, out) == (1, b"'on'\n")
    assert "crashdrive: " in err


def test_an_incomplete_answer_is_the_status_of_lines_that_all_went_well(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # crash didn't know all tasks of this dump: what rests on its tables is marked
    session = tmp_path / "made.session"
    with lzma.open(REPORTS / "6.1-elf-sysrq-8.0.2" / "session.xz", "rt", encoding="utf-8") as file:
        head = file.readline()
    entry = {"op": "run", "command": "ps", "text": PS.decode()}
    session.write_text(head + json.dumps(entry) + "\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(">>> 1\nps\n"))
    status, out, err = cli("shell", "--replay", str(session))
    assert status == 5
    assert out.endswith(PS)
    assert "ps: incomplete: crash knows 4 tasks" in err
    monkeypatch.setattr(sys, "stdin", io.StringIO("ps\nsym none\n>>> 7\n"))
    status, out, err = cli("shell", "--replay", str(session))
    assert (status, out.splitlines()[-1]) == (1, b"7")


def test_a_form_is_for_all_lines(cli: Cli) -> None:
    session = str(REPORTS / "6.1-elf-sysrq-8.0.2" / "session.xz")
    status, out, _ = cli(
        "shell", "--replay", session, "--format", "json", "-c", "sym init_net", "-c", "#1.name"
    )
    first, second = out.splitlines()
    assert status == 0
    assert json.loads(first)["records"][0]["name"] == "init_net"
    assert second == b"init_net"


def test_a_warm_session_wants_a_dump(cli: Cli) -> None:
    status, _, err = cli("shell", "--replay", str(SESSION), "--stay", "-c", "q")
    assert status == 2
    assert "--stay" in err
