"""A board of many parts: a line for each where nobody watches, a board on a terminal."""

from __future__ import annotations

import io

import pytest

from crashdrive.render.board import Board


def test_lines_without_a_terminal() -> None:
    said: list[str] = []
    with Board(2, said.append) as board:
        board.began("a", "/var/crash/a")
        board.at("a", "panic")
        board.ended("a", "a: null", failed=False)
        board.ended("b", "b: FAILED", failed=True)
    assert said == ["1/2 a: null", "2/2 b: FAILED"]


def test_a_board_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream, said = Terminal(), list[str]()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", stream)
    with Board(2, said.append) as board:
        board.began("a", "/var/[bold]" + "x" * 200)
        board.at("a", "panic\x1b[31m")
        assert board._progress is not None
        board._progress.refresh()
        board.ended("a", "a [red]FAILED\x07", failed=True)
    shown = stream.getvalue()
    assert not said
    assert "a [red]FAILED\\x07" in shown
    assert "\x1b[31m" not in shown
    assert "0/2 done" in shown
