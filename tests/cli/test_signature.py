"""``crashdrive signature``: logs in, one verdict out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.linux.oops.logs import BOOT, X86

Cli = Callable[..., tuple[int, bytes, str]]


def test_json(cli: Cli, tmp_path: Path) -> None:
    """One object, with the fields of a verdict."""
    log = tmp_path / "console.log"
    log.write_text(X86)
    status, out, _ = cli("signature", "--format", "json", str(log))
    found = json.loads(out)
    assert status == 0
    assert (found["kind"], found["function"], found["corrupted"]) == ("null", "blue_open", False)
    assert len(found["bucket"]) == 16


def test_table(cli: Cli, tmp_path: Path) -> None:
    """For people."""
    log = tmp_path / "console.log"
    log.write_text(X86)
    status, out, _ = cli("signature", str(log))
    assert status == 0
    assert b"NULL pointer dereference in blue_open" in out


def test_no_crash(cli: Cli, tmp_path: Path) -> None:
    """Kind null, exit status 0."""
    log = tmp_path / "boot.log"
    log.write_text(BOOT)
    status, out, _ = cli("signature", "--format", "json", str(log))
    assert (status, json.loads(out)["kind"]) == (0, None)


@pytest.mark.parametrize("content", [None, bytes(range(32)) * 100])
def test_unusable(cli: Cli, tmp_path: Path, content: bytes | None) -> None:
    """A file that isn't there, or is neither dump nor log: one line, exit status 3."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    status, out, told = cli("signature", str(path))
    assert (status, out) == (3, b"")
    assert told.count("\n") == 1
