"""A sign of life: only for a person, only after a second."""

from __future__ import annotations

import io
import time

import pytest

from crashdrive.render import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_PATIENCE", 0.05)
    return terminal


def wait_until_shown(terminal: Terminal) -> None:
    end = time.monotonic() + 20
    while not terminal.getvalue() and time.monotonic() < end:
        time.sleep(0.02)


def test_it_shows_when_it_takes_long(stderr: Terminal) -> None:
    with progress.waiting("opening [red]\x1b"):
        wait_until_shown(stderr)
    assert "opening [red]\\x1b ..." in stderr.getvalue()


def test_it_doesnt_when_it_is_quick(stderr: Terminal) -> None:
    with progress.waiting("opening"):
        pass
    time.sleep(0.1)
    assert stderr.getvalue() == ""


def test_it_doesnt_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    monkeypatch.setattr(progress, "_PATIENCE", 0.01)
    with progress.waiting("opening"):
        time.sleep(0.1)
    assert pipe.getvalue() == ""


def test_an_error_passes_and_ends_it(stderr: Terminal) -> None:
    with pytest.raises(ValueError, match="x"), progress.waiting("opening"):  # noqa: PT012 - both have to be inside
        wait_until_shown(stderr)
        raise ValueError("x")
    shown = stderr.getvalue()
    time.sleep(0.2)
    assert stderr.getvalue() == shown
