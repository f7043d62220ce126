"""``crashdrive examples``, and that a wheel carries them."""

from __future__ import annotations

import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.errors import CommandFailedError
from crashdrive.records import Answer
from crashdrive.render import Output

Cli = Callable[..., tuple[int, bytes, str]]
CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / "examples"
NAMES = sorted(path.name.removesuffix(".py") for path in FOLDER.iterdir() if path.is_file())


def test_all_are_listed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = cli("examples")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.decode().splitlines() if line.split()[0] in NAMES] == NAMES
    assert b"What happened: the first page about a kernel crash." in out


@pytest.mark.parametrize("name", NAMES)
def test_one_is_printed_as_it_is(cli: Cli, name: str) -> None:
    file = FOLDER / name if name.endswith(".session") else FOLDER / f"{name}.py"
    assert cli("examples", name) == cli("examples", file.name) == (0, file.read_bytes(), "")


def test_a_terminal_gets_no_packed_session(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Output, "standard", lambda: Output(width=80))
    status, out, err = cli("examples", "demo.session")
    assert (status, out) == (2, b"")
    assert "crashdrive examples demo.session > demo.session" in err
    assert cli("examples", "memory")[0] == 0


def test_one_that_is_not_there(cli: Cli) -> None:
    status, out, err = cli("examples", "blokked")
    assert (status, out) == (2, b"")
    assert err.startswith("crashdrive: no example 'blokked'; near: blocked")
    assert "there are blocked, demo.session, memory, report" in cli("examples", "../pyproject.toml")[2]


def test_a_wheel_carries_them(tmp_path: Path) -> None:
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    wheel = tmp_path / done.stdout.split()[-1]
    with zipfile.ZipFile(wheel) as packed:
        assert {f"crashdrive/examples/{path.name}" for path in FOLDER.iterdir() if path.is_file()} <= set(
            packed.namelist()
        )
        packed.extractall(tmp_path / "site")
    program = "from crashdrive.cli import main; main(['examples', 'memory'])"
    installed = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, check=True,
    )  # fmt: skip
    assert installed.stdout == (CHECKOUT / "examples/memory.py").read_bytes()


def test_the_report_of_a_dump_that_gives_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that fail and an unread task list are said; the rest is shown."""

    def refuse(**_: object) -> object:
        raise CommandFailedError("bt: command not available in minimal mode")

    monkeypatch.setattr("sys.argv", ["report.py"])
    empty = Answer[Any](command="log", shape="log", complete=True, warnings=(), records=())
    crash = SimpleNamespace(
        sys=refuse, bt=refuse, log=lambda: empty, kernel=SimpleNamespace(tasks=refuse),
        health=SimpleNamespace(warnings=()),
    )  # fmt: skip
    report = runpy.run_path(str(FOLDER / "report.py"))["report"](crash)
    assert not report.complete
    assert [notice.message for notice in report.warnings] == ["bt: command not available in minimal mode"]
    assert [len(table.rows) for table in report.tables] == [0] * len(report.tables)
