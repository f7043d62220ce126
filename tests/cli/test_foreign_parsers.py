"""Parsers from outside on the command line, and the worked example of docs/extending.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.session.result import CommandResult

Cli = Callable[..., tuple[int, bytes, str]]
CHECKOUT = Path(__file__).parents[2]
GUIDE = (CHECKOUT / "docs" / "extending.md").read_text()
PARSERS = GUIDE.partition("# Parsers of your own\n")[2]
IN_A_SCRIPT, EXAMPLE = re.findall(r"```python\n(.*?)```", PARSERS, re.DOTALL)
OUTPUT, ERROR = re.findall(r"```text\n(.*?)```", PARSERS, re.DOTALL)


@pytest.fixture
def zombies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in the user's folder, and a file of its command's output."""
    folder = tmp_path / "plugins" / "parsers"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "zombies.py").write_text(EXAMPLE)
    (folder / "zombies.py").chmod(0o644)
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path / "plugins"))
    (tmp_path / "zombies.txt").write_text(OUTPUT)
    return tmp_path / "zombies.txt"


def test_the_worked_example(cli: Cli, zombies: Path) -> None:
    status, out, err = cli("parse", "zombies", str(zombies))
    assert (status, err) == (0, "")
    first, second = json.loads(out)["records"]
    assert (first["task"], first["comm"], len(first["zombies"])) == ("0xffff8c3b1ebb5250", "systemd", 2)
    assert second["zombies"] == [{"pid": 977, "comm": "sftp-server", "exit_code": 9}]


def test_the_worked_example_says_what_is_missing_and_wrong(cli: Cli, zombies: Path) -> None:
    lines = OUTPUT.splitlines(keepends=True)
    zombies.write_text("".join([lines[0], *lines[2:]]))
    status, _, err = cli("parse", "zombies", str(zombies))
    assert (status, err) == (5, "crashdrive: zombies: incomplete: not all of 3 zombies are there\n")
    zombies.write_text("".join([lines[0], "oops\n", *lines[2:]]))
    assert cli("parse", "zombies", str(zombies))[2] == ERROR


def test_foreign_parsers_are_listed_apart(cli: Cli, zombies: Path) -> None:
    own, _, foreign = cli("parse", "--list")[1].decode().partition("From elsewhere, no part of crashdrive:")
    assert "zombies (reapers)" not in own
    assert "zombies (reapers)" in foreign
    assert str(zombies.parent / "plugins" / "parsers" / "zombies.py") in foreign
    rows = json.loads(cli("parse", "--list", "--format", "json")[1])
    assert [row["command"] for row in rows if row["source"]] == ["zombies"]
    assert b"Reaper" in cli("parse", "--schema", "zombies")[1]


def test_the_example_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    class Crash:
        def run(self, command: str) -> CommandResult:
            return CommandResult(command=command, raw=b"  1042 worker\n  1043 worker\n", elapsed=0.0)

    exec(IN_A_SCRIPT, {"crash": Crash()})  # noqa: S102 # the guide's own text
    assert capsys.readouterr().out == "((1042, 'worker'), (1043, 'worker'))\n"
