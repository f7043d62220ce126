"""docs/shell.md: its examples, on the recorded session that they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.shell.help import OVERVIEW
from crashdrive.shell.rows import ACTIONS
from crashdrive.shell.talk import Shell

PAGE = (Path(__file__).parents[2] / "docs" / "shell.md").read_text(encoding="utf-8")
PROMPT = "crashdrive> "


def examples() -> list[tuple[str, str]]:
    """Each line behind a prompt, and what stands below it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        parts = block.split(PROMPT)[1:]
        found += [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]
    return found


def without_numbers(text: str) -> list[list[str]]:
    """Words of lines; numbers of rows are a terminal's alone."""
    lines = [line.split() for line in text.splitlines()]
    return [line[1:] for line in lines] if lines and lines[0][:1] == ["#"] else lines


def test_examples_show_what_they_print(shell: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(examples()) == 6
    for line, shown in examples():
        shell.obey(line)
        assert without_numbers(shown) == [words.split() for words in capfd.readouterr().out.splitlines()], (
            line
        )


def test_all_of_the_help_is_on_the_page() -> None:
    assert [name for name in ACTIONS if f".{name}" not in PAGE] == []
    assert max(map(len, OVERVIEW.splitlines())) < 80
