"""A sign of life: only for a person, only after a second."""

from __future__ import annotations

import io
import time
from contextlib import redirect_stderr

import pytest

from crashdrive.render import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_PATIENCE", 0.05)


def wait_until_shown(terminal: Terminal) -> None:
    end = time.monotonic() + 20
    while not terminal.getvalue() and time.monotonic() < end:
        time.sleep(0.02)


def test_it_shows_when_it_takes_long() -> None:
    with redirect_stderr(Terminal()) as stderr, progress.waiting("opening [red]\x1b"):
        wait_until_shown(stderr)
    assert "opening [red]\\x1b ..." in stderr.getvalue()


def test_it_doesnt_when_it_is_minimal_yet() -> None:
    with redirect_stderr(Terminal()) as stderr:
        with progress.waiting("opening"):
            pass
        time.sleep(0.1)
    assert stderr.getvalue() == ""


def test_it_doesnt_in_a_pipe() -> None:
    with redirect_stderr(io.StringIO()) as stderr, progress.waiting("opening"):
        time.sleep(0.2)
    assert stderr.getvalue() == ""


def test_an_error_passes_and_ends_it() -> None:
    with redirect_stderr(Terminal()) as stderr:
        with pytest.raises(ValueError, match="x"), progress.waiting("opening"):  # noqa: PT012 - both inside
            wait_until_shown(stderr)
            raise ValueError("x")
        shown = stderr.getvalue()
        time.sleep(0.2)
    assert shown
    assert stderr.getvalue() == shown
