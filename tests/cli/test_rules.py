"""``crashdrive rules``: ours and others, all and single ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.rules import rule_names
from tests.rules.test_rules import EXAMPLE

Cli = Callable[..., tuple[int, bytes, str]]


def test_all_of_ours(cli: Cli) -> None:
    status, out, err = cli("rules", "--format", "json")
    assert (status, err) == (0, "")
    rows = json.loads(out)["tables"]["rules"]
    assert [row["rule"] for row in rows] == list(rule_names())
    assert {row["from"] for row in rows} == {None}


def test_others_are_listed_and_broken_ones_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir(mode=0o755)
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path))
    for name, text in (("kept_by_nothing.py", EXAMPLE), ("broken.py", "x = nope")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    status, out, err = cli("rules")
    assert status == 0
    (line,) = (line for line in out.decode().splitlines() if line.startswith("kept-by-nothing "))
    assert line.endswith(str(folder / "kept_by_nothing.py"))
    assert err.startswith(f"crashdrive: rule broken failed: {folder / 'broken.py'}: line 1: NameError")
    status, out, _ = cli("rules", "kept-by-nothing")
    assert status == 0
    assert "advice:      crashdrive report netstat --netns NUMBER" in out.decode()


def test_one_that_is_not_there(cli: Cli) -> None:
    status, out, err = cli("rules", "conntrak-full")
    assert (status, out) == (2, b"")
    assert "no rule 'conntrak-full'; near: conntrack-full" in err
