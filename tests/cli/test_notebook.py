"""``crashdrive notebook``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, bytes, str]]


def test_a_notebook_is_made_once(
    cli: Cli, tmp_path: Path, vmcore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = cli("notebook", "vmcore", "--no-open", "--debug-dir", ".")
    assert (status, out, err) == (0, b"", "crashdrive: vmcore.ipynb is made\n")
    document = json.loads(Path("vmcore.ipynb").read_text())
    assert document["cells"][1]["source"] == f"%load_ext crashdrive\n%dump --debug-dir {tmp_path} {vmcore}"
    Path("vmcore.ipynb").write_text("mine")
    status, _, err = cli("notebook", vmcore, "--no-open")
    assert (status, err) == (0, "crashdrive: vmcore.ipynb is there already, and stays as it is\n")
    assert Path("vmcore.ipynb").read_text() == "mine"


def test_what_can_not_be_made_is_told(
    cli: Cli, tmp_path: Path, vmcore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("notebook", "none", "--no-open") == (
        3, b"", "crashdrive: none: there is no such file or folder\n",
    )  # fmt: skip
    status, _, err = cli("notebook", vmcore, "-o", "no/such/folder.ipynb", "--no-open")
    assert (status, err) == (
        2, "crashdrive: no/such/folder.ipynb: No such file or directory (see crashdrive notebook --help)\n",
    )  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, err = cli("notebook", vmcore)
    assert status == 1
    assert "pip install jupyterlab 'crashdrive[notebook]'" in err


def test_jupyterlab_is_started(
    cli: Cli, tmp_path: Path, vmcore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "jupyter-lab"
    program.write_text('#!/bin/sh\necho "$1" > started\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert cli("notebook", vmcore, "-o", "look.ipynb")[0] == 3
    assert Path("started").read_text() == "look.ipynb\n"
