"""``crashdrive shell``."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pykdumpkit as kit
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from crashdrive.cli._typing import Names
from crashdrive.crash import open_dump
from crashdrive.pykdump.imports import importable

Cli = Callable[..., tuple[int, bytes, str]]
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


def test_names_are_completed() -> None:
    with open_dump(None, None, replay=SESSION) as crash, importable(crash) as run:
        names = Names(run)

        def fitting(text: str) -> list[str]:
            return [one.text for one in names.get_completions(Document(text), CompleteEvent())]

        assert {"struct", "search"} <= set(fitting("s"))
        assert fitting("epy") == ["epython"]
        assert "list_head.next" in fitting("struct list_head.n")
        assert fitting("struct no_such_type.n") == []
        assert "print" in fitting(">>> pri")
