"""Completion: what the shells are told, and what becomes of it in a real bash, zsh and fish."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from crashdrive.cli import main

CHECKOUT = Path(__file__).parents[2]
ELF = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a user might have in the current directory."""
    (tmp_path / "vmcore.1").write_bytes(ELF + (4).to_bytes(2, "little") + bytes(100))
    (tmp_path / "linux.debug").write_bytes(ELF + (2).to_bytes(2, "little") + bytes(100))
    (tmp_path / "my script.py").touch()
    (tmp_path / "case.session").touch()
    (tmp_path / "debugs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environment(line: str, shell: str) -> dict[str, str]:
    """How a shell asks at the end of a line."""
    *before, last = words = line.split(" ")
    place = last if shell == "fish" else str(len(before))
    return {
        "_CRASHDRIVE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "\n".join(words), "COMP_CWORD": place,
    }  # fmt: skip


Asked = Callable[..., list[str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """What a shell is told, in this process: that one starts is seen in real shells."""

    def ask(line: str, shell: str = "bash") -> list[str]:
        for name, value in environment(line, shell).items():
            monkeypatch.setenv(name, value)
        status = main([])
        told = capsys.readouterr()
        assert (status, told.err) == (0, "")
        return told.out.splitlines()

    return ask


def imported(line: str) -> str:
    """Those modules that a process has loaded which told a shell something, of those that take long."""
    heavy = "{'rich', 'jinja2', 'pexpect', 'pyparsing', 'sqlite3', 'crashdrive.kernel', 'crashdrive.session'}"
    code = f"import sys; print(sorted(m for m in sys.modules if m in {heavy} or '.reports.net' in m))"
    program = f"from crashdrive.cli import main\nmain()\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment(line, "bash")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()[-1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("crashdrive exec ", ["file,"]),
        ("crashdrive exec linux.debug vm", ["file,vm"]),
        ("crashdrive exec vmcore.1 run", ["file,run", "plain,runq"]),
        ("crashdrive exec nosuch run", ["file,run", "plain,runq"]),
        ("crashdrive exec vmcore.1 linux.debug wh", ["plain,whatis"]),
        ("crashdrive exec vmcore.1 sys 'swa", ["plain,swap"]),
        ("crashdrive exec --replay case.session wh", ["file,wh", "plain,whatis"]),
        ("crashdrive exec --crash ", ["file,"]),
        ("crashdrive exec --debug-dir ", ["dir,"]),
        ("crashdrive doctor --debug-dir ", ["dir,"]),
        ("crashdrive run vmcore.1 ", ["file,"]),
        ("crashdrive report nets", ["plain,netstat", "plain,netsummary"]),
        ("crashdrive report --list", ["plain,--list"]),
        ("crashdrive report --list conn", ["plain,conntrack"]),
        ("crashdrive report netstat ", ["file,"]),
        ("crashdrive report netstat --list", ["plain,--listening"]),
        ("crashdrive report netstat --format json", ["plain,json", "plain,jsonl"]),
        ("crashdrive report netstat --format = csv", ["plain,csv"]),
        ("crashdrive report netstat --record = ", ["file,"]),
        ("crashdrive parse what", ["plain,whatis"]),
        ("crashdrive parse ps ", ["file,"]),
    ],
)
def test_what_bash_is_told(asked: Asked, line: str, told: list[str]) -> None:
    assert asked(line) == told


@pytest.mark.usefixtures("folder")
def test_values_behind_an_equals_sign(asked: Asked) -> None:
    assert asked("crashdrive parse --format=cs", "fish") == ["plain,--format=csv"]
    assert asked("crashdrive parse --format=cs", "zsh") == ["plain", "--format=csv", "_"]
    assert asked("crashdrive exec --record=cas", "zsh") == ["file", "cas", "_"]
    assert asked("crashdrive exec --record=./deb", "fish") == ["plain,--record=./debugs/"]
    assert asked("crashdrive exec --record=/nosuch/x", "fish") == [""]


@pytest.mark.usefixtures("unmeasured")
def test_names_are_told_without_importing_much() -> None:
    for line in ("crashdrive ", "crashdrive report ", "crashdrive exec x ", "crashdrive parse "):
        assert imported(line) == "[]"


COMMANDS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
SETUP = {
    "bash": 'eval "$(_CRASHDRIVE_COMPLETE=bash_source crashdrive)"',
    "zsh": 'autoload -Uz compinit; compinit -u -D; eval "$(_CRASHDRIVE_COMPLETE=zsh_source crashdrive)"',
    "fish": "_CRASHDRIVE_COMPLETE=fish_source crashdrive | source",
}
# completes as crashdrive does, and says what the shell calls it with
PROGRAM = """#!/bin/sh
[ "$_CRASHDRIVE_COMPLETE" ] || {{ printf 'called'; printf '<%s>' "$@"; echo; exit; }}
PYTHONPATH={checkout} exec {python} -m crashdrive
"""


@pytest.fixture(params=COMMANDS)
def shell(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[pexpect.spawn[str]]:
    """A shell at its prompt, which completes crashdrive's words."""
    name = request.param
    if not shutil.which(name):
        missing = pytest.fail if os.environ.get("CRASHDRIVE_REQUIRE_LAB") else pytest.skip
        missing(f"{name} is not installed (a Debian package; scripts/test installs it)")
    bin_folder = tmp_path_factory.mktemp("bin")
    program = bin_folder / "crashdrive"
    program.write_text(PROGRAM.format(checkout=CHECKOUT, python=sys.executable))
    program.chmod(0o755)
    environment = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(bin_folder), "TERM": "dumb",
        "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    child = pexpect.spawn(
        name, COMMANDS[name], cwd=folder, env=environment, timeout=60, encoding="utf-8", dimensions=(50, 200)
    )
    child.send(f"{SETUP[name]}\rcrashdrive ready\r")
    child.expect_exact("called<ready>")
    yield child
    child.close(force=True)


def pressed(shell: pexpect.spawn[str], typed: str) -> str:
    """What crashdrive is called with after a TAB behind what was typed, and a RETURN."""
    shell.send(f"crashdrive {typed}\t\r")
    shell.expect(r"called<([^\r\n]*)>\r?\n")
    assert isinstance(shell.match, re.Match)
    return str(shell.match.group(1)).replace("><", " ")


def test_in_a_real_shell(shell: pexpect.spawn[str]) -> None:
    wanted = {
        "rep": "report",
        "exec vmc": "exec vmcore.1",
        "exec linux.debug ./vmc": "exec linux.debug ./vmcore.1",
        "exec vmcore.1 lin": "exec vmcore.1 linux.debug",
        "exec vmcore.1 run": "exec vmcore.1 runq",
        "exec vmcore.1 linux.debug sys 'run": "exec vmcore.1 linux.debug sys runq",
        'exec vmcore.1 "run': "exec vmcore.1 runq",
        "exec --crash lin": "exec --crash linux.debug",
        "exec --record cas": "exec --record case.session",
        "exec --crash=x --replay=cas": "exec --crash=x --replay=case.session",
        "exec --replay case.session swa": "exec --replay case.session swap",
        "exec --lenient --debug-dir deb": "exec --lenient --debug-dir debugs",
        "run vmcore.1 my": "run vmcore.1 my script.py",
        "report conn": "report conntrack",
        "report netstat vmc": "report netstat vmcore.1",
        "report netstat --proce": "report netstat --processes",
        "report netstat --format cs": "report netstat --format csv",
        "report netstat --format=cs": "report netstat --format=csv",
        "parse what": "parse whatis",
        "parse ps cas": "parse ps case.session",
    }
    assert {typed: pressed(shell, typed).rstrip("/") for typed in wanted} == wanted
