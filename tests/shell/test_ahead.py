"""The prompt that stands before prompt_toolkit is loaded: what is typed meanwhile, and the terminal."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pexpect
import pytest

from crashdrive.shell.ahead import Ahead

DRAWN = "crashdrive>\x1b[11D"
# prompt_toolkit isn't loaded before a file is there
WAITING = """\
import os, sys, time
from pathlib import Path

class Finder:
    def find_spec(self, name, path=None, target=None):
        while name == "prompt_toolkit" and not Path(os.environ["READY"]).exists():
            time.sleep(0.01)

sys.meta_path.insert(0, Finder())
from crashdrive.cli import main
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def on_a_terminal(monkeypatch: pytest.MonkeyPatch, kind: str = "xterm") -> Iterator[int]:
    """Standard input and output are a terminal; the other end of it."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    with (
        monkeypatch.context() as patched,
        os.fdopen(theirs, encoding="utf-8") as read,
        os.fdopen(os.dup(theirs), "w", encoding="utf-8") as written,
    ):
        patched.setenv("TERM", kind)
        patched.setattr(sys, "stdin", read)
        patched.setattr(sys, "stdout", written)
        yield ours
    os.close(ours)


def test_the_terminal_is_given_over_once_and_made_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_terminal(monkeypatch) as terminal:
        before = termios.tcgetattr(terminal)
        ahead = Ahead("crashdrive> ")
        assert b"crashdrive> " in os.read(terminal, 100)
        assert not termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
        os.write(terminal, b"half a line\x03\x04\r")
        assert ahead.taken() == before
        assert ahead.taken() is None
        ahead.undo()
        assert termios.tcgetattr(terminal) != before, "who took it over makes it what it was"
        assert os.read(sys.stdin.fileno(), 100) == b"half a line\x03\x04\r"
        termios.tcsetattr(terminal, termios.TCSANOW, before)
        Ahead("crashdrive> ").undo()
        assert termios.tcgetattr(terminal) == before


@pytest.mark.parametrize("kind", ["", "dumb", "Unknown"])
def test_nothing_is_written_ahead_where_nothing_can_be_drawn_over_it(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with on_a_terminal(monkeypatch, kind) as terminal:
        before = termios.tcgetattr(terminal)
        assert Ahead("crashdrive> ").taken() is None
        assert termios.tcgetattr(terminal) == before
        with pytest.raises(BlockingIOError):
            os.read(terminal, 100)


def test_a_terminal_that_takes_no_prompt_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _text: str) -> int:
            raise OSError("no room")

    with on_a_terminal(monkeypatch) as terminal, monkeypatch.context() as patched:
        before = termios.tcgetattr(terminal)
        patched.setattr(sys, "stdout", Full())
        with pytest.raises(OSError, match="no room"):
            Ahead("crashdrive> ")
        assert termios.tcgetattr(terminal) == before


def test_no_terminal_is_no_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERM", "xterm")
    file: TextIO
    with (tmp_path / "empty").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        ahead = Ahead("crashdrive> ")
        assert ahead.taken() is None
        ahead.undo()


def test_what_is_typed_while_the_editor_is_loaded_is_the_first_lines(recorded: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    child = pexpect.spawn(
        sys.executable,
        ["-c", WAITING, "shell", "--replay", str(recorded)],
        env={
            **os.environ, "CRASHDRIVE_CACHE": str(tmp_path / "cache"), "TERM": "xterm", "PAGER": "cat",
            "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1", "READY": str(ready),
        },
        dimensions=(24, 80), encoding="utf-8", timeout=25, cwd=tmp_path,
    )  # fmt: skip
    before = termios.tcgetattr(child.child_fd)
    try:
        child.expect_exact("\rcrashdrive> \x1b[K")
        assert not ready.exists()
        child.send("no line\x036 * 7\r'an' + 'other'\r")
        ready.touch()
        child.expect_exact(DRAWN)
        assert "no line" not in (child.before or ""), "a terminal that shows keys, too, shows them twice"
        child.expect_exact("42\r\n")
        child.expect_exact("'another'")
        child.expect_exact(DRAWN)
        child.send("import termios; [bool(termios.tcgetattr(0)[3] & termios.ECHO)]\r")
        child.expect_exact("[True]\r\n")
        child.expect_exact(DRAWN)
        child.sendeof()
        child.expect(pexpect.EOF)
        assert termios.tcgetattr(child.child_fd) == before
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
