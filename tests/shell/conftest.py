"""A recorded session: netstat's of one dump, and what crash's commands printed on another one."""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashdrive.cli import _script
from crashdrive.crash import open_dump
from crashdrive.pykdump.imports import importable
from crashdrive.reports import report_names
from crashdrive.shell.talk import Shell

GOLDEN = Path(__file__).parents[2] / "golden_outputs"
SESSION = GOLDEN / "sessions" / "6.12-kdump-sysrq-9.0.2" / "session.xz"
CASES = GOLDEN / "9.0.2" / "6.12.117+deb12-cloud-amd64"
# the task of pid 324 there
TASK = "ffff8ea55eb78000"
WANTED = ("ps/ps", "ps/ps_-S", "bt/bt_pid", "bt/bt_-a", "help/help_ascii", "sym/sym_nosuchsymbolx")


def entry(command: str, text: str) -> str:
    return json.dumps({"op": "run", "command": command, "text": text})


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The session's file."""
    with lzma.open(SESSION, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    for case in WANTED:
        command = (CASES / f"{case}.cmd").read_text().splitlines()[0]
        text = (CASES / f"{case}.out").read_text(encoding="utf-8", errors="backslashreplace")
        lines.append(entry(command, text))
        if case == "bt/bt_pid":
            lines.append(entry(f"bt {TASK}", text))
    lines.append(entry("hostile", "a\x1b]0;pwned\x07b\n$(touch pwned)\n"))
    lines.append(entry("struct task_struct.pid,comm " + TASK, '  pid = 324,\n  comm = "x"\n'))
    made = tmp_path_factory.mktemp("shell") / "made.session"
    made.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


@pytest.fixture
def errors() -> list[BaseException]:
    """What went wrong in Python."""
    return []


@pytest.fixture
def told() -> list[str]:
    """What was said."""
    return []


@pytest.fixture
def open_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, errors: list[BaseException], told: list[str]
) -> Iterator[Callable[[Path], Shell]]:
    """Opens a shell over a recorded session, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [""])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    opened: list[object] = []

    def start(file: Path) -> Shell:
        crash = open_dump(None, None, replay=file)
        module = _script.as_main("<stdin>", [""])
        module.__dict__.update(crash=crash)
        managed = importable(crash)
        run = managed.__enter__()
        opened.extend((managed, crash))
        _script.prepare(run, module)
        return Shell(run, errors.append, told.append, report_names)

    yield start
    for one in opened:
        one.__exit__(None, None, None)  # type: ignore[attr-defined] # what was entered, or opened


@pytest.fixture
def shell(open_shell: Callable[[Path], Shell], recorded: Path) -> Shell:
    """A shell over `recorded`."""
    return open_shell(recorded)
