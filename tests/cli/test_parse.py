"""``crashdrive parse``: no crash, no dump."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.parsers import command_names

Cli = Callable[..., tuple[int, bytes, str]]
TEXT = """\
      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM
>       0       0   0  ffffffff82a1b940  RU   0.0        0        0  [swapper/0]
        1       0   1  ffff888003a54000  IN   0.1     2388      800  init
"""
BROKEN = TEXT + "     what is this\n"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


def test_from_stdin_and_from_a_file(cli: Cli, stdin: Callable[[str], None], tmp_path: Path) -> None:
    stdin(TEXT)
    status, out, err = cli("parse", "ps")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert list(document) == ["command", "shape", "complete", "warnings", "records"]
    assert [task["comm"] for task in document["records"]] == ["swapper/0", "init"]
    (tmp_path / "ps.txt").write_text(TEXT)
    assert cli("parse", "ps", str(tmp_path / "ps.txt")) == (0, out, "")


def test_unknown_text_is_an_error_with_its_place(cli: Cli, stdin: Callable[[str], None]) -> None:
    stdin(BROKEN)
    status, out, err = cli("parse", "ps")
    assert (status, out) == (1, b"")
    assert "line 4, column" in err
    assert "what is this" in err
    assert err.count("\n") == 1


def test_lenient_keeps_what_is_sure(cli: Cli, stdin: Callable[[str], None]) -> None:
    stdin(BROKEN)
    status, out, err = cli("parse", "--lenient", "ps")
    document = json.loads(out)
    assert status == 5
    assert (len(document["records"]), document["complete"]) == (2, False)
    assert "what is this" in document["warnings"][0]["text"]
    assert "incomplete" in err


@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
def test_other_formats(cli: Cli, stdin: Callable[[str], None], form: str) -> None:
    stdin(TEXT)
    status, out, _ = cli("parse", "--format", form, "ps")
    assert status == 0
    assert out.count(b"\n") == (2 if form == "jsonl" else 3)


def test_list_names_every_command(cli: Cli) -> None:
    status, out, _ = cli("parse", "--list")
    assert status == 0
    assert {line.split(" ")[0] for line in out.decode().splitlines() if line[0] != " "} == set(
        command_names()
    )
    rows = json.loads(cli("parse", "--list", "--format", "json")[1])
    assert {row["command"] for row in rows} == set(command_names())


def test_schema(cli: Cli) -> None:
    status, out, _ = cli("parse", "--schema", "ps")
    assert status == 0
    assert json.loads(out)["title"] == "ps"


@pytest.mark.parametrize(
    "words", [[], ["--schema"], ["nope"], ["ps", "/nonexistent/file"], ["--schema", "nope"]]
)
def test_usage_errors(cli: Cli, stdin: Callable[[str], None], words: list[str]) -> None:
    stdin(TEXT)
    status, out, err = cli("parse", *words)
    assert (status, out) == (2, b"")
    assert err.startswith("crashdrive: ")
