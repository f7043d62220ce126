"""Where a user's files lie, and what isn't loaded to find that out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from crashdrive.userdirs import caches, settings


def test_the_base_directories_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    for variable, told, usual in (
        ("XDG_CACHE_HOME", caches, "/home/u/.cache"),
        ("XDG_CONFIG_HOME", settings, "/home/u/.config"),
    ):
        monkeypatch.setenv(variable, "/elsewhere")
        assert told() == "/elsewhere"
        for other in ("", " ", "relative/path"):
            monkeypatch.setenv(variable, other)
            assert told() == usual
        monkeypatch.delenv(variable)
        assert told() == usual


@pytest.mark.usefixtures("unmeasured")
def test_a_kept_answer_is_found_without_modules_that_are_slow_to_load() -> None:
    slow = ("dataclasses", "logging", "platformdirs", "random", "rich", "click", "pyparsing", "pexpect")
    program = (
        "import sys\n"
        "from crashdrive.cli import _again\n"
        "import crashdrive.cache.answers, crashdrive.plugins, crashdrive.session.binaries\n"
        "_again.surroundings()\n"
        f"print([name for name in {slow} if name in sys.modules])\n"
    )
    # what the checkout's own tools load at the start of every Python isn't ours
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
