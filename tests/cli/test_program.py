"""The command ``crashdrive`` as a process: how it ends."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NoReturn

import pytest

from crashdrive import cli


class LeftError(BaseException):
    """The process would have ended."""


@pytest.fixture(autouse=True)
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def leave(status: int) -> NoReturn:
        raise LeftError(status)

    monkeypatch.setattr(os, "_exit", leave)
    yield
    gc.enable()


@pytest.mark.parametrize("name", ["said_before", "run_warm"])
def test_an_answer_at_hand_ends_the_process(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "argv", ["crashdrive", "exec", "vmcore", "ps"])
    monkeypatch.setattr(cli, "said_before", lambda _words: None)
    monkeypatch.setattr(cli, name, lambda _words: 5)
    with pytest.raises(LeftError, match="5"):
        cli.program()
    assert cli.main(["exec", "vmcore", "ps"]) == 5


def test_what_has_to_be_done_is_done_with_garbage_collected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["crashdrive", "--version"])
    assert cli.program() == 0
    assert gc.isenabled()
    assert capsys.readouterr().out.startswith("crashdrive")


def test_what_was_written_before_the_end_is_out() -> None:
    program = (
        "import sys\nfrom crashdrive import cli\n"
        "def said(words):\n    print('answer')\n    print('said', file=sys.stderr)\n    return 3\n"
        "cli.said_before = said\n"
        "cli.program()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "answer\n", "said\n")
