"""Programs of scripts/ run with whichever python3 is there: in .venv, or not at all and in one line."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SCRIPTS = CHECKOUT / "scripts"
PROGRAMS = [
    path.name
    for path in sorted(SCRIPTS.iterdir())
    if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env python3\n")
]


def bare(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """What the interpreter says that .venv was made with, without a library."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    return subprocess.run(
        [python, "-S", *words], cwd="/", env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without a .venv, that has one program."""
    (tmp_path / "scripts").mkdir()
    for name in ("docs", "venvkit.py"):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts")
    (tmp_path / "scripts" / "dockit").mkdir()
    module = (
        "import sys\nimport msgspec\n\n\ndef main():\n    print(sys.prefix, *sys.argv[1:])\n    return 3\n"
    )
    (tmp_path / "scripts" / "dockit" / "generated.py").write_text(module)
    return tmp_path


def test_every_program_is_known() -> None:
    assert len(PROGRAMS) >= 17
    assert [name for name in PROGRAMS if not os.access(SCRIPTS / name, os.X_OK)] == []


def test_a_process_that_one_starts_does_not_run_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """``multiprocessing`` without fork runs its file under another name: ``scripts/holes --jobs 2``."""
    monkeypatch.setattr(sys, "argv", ["program", "--no-such-option"])
    for name in PROGRAMS:
        runpy.run_path(str(SCRIPTS / name), run_name="__mp_main__")


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_without_the_virtual_environment(name: str) -> None:
    assert (CHECKOUT / ".venv").exists(), "scripts/test makes it"
    done = bare(SCRIPTS / name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.lower().startswith("usage: ")


def test_without_one_a_line_says_so(checkout: Path) -> None:
    done = bare(checkout / "scripts" / "docs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{checkout}/scripts/docs: no .venv in {checkout}, and {Path(sys.base_prefix)}/bin/python3 has no "
        "module msgspec; scripts/test makes .venv\n"
    )


def test_a_virtual_environment_takes_over(checkout: Path) -> None:
    (checkout / ".venv").symlink_to(sys.prefix)
    done = bare(checkout / "scripts" / "docs", "--check", "a b")
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{checkout}/.venv --check a b\n", "")


def test_one_without_a_library_says_how_it_gets_there(checkout: Path) -> None:
    module = checkout / "scripts" / "dockit" / "generated.py"
    module.write_text("def main():\n    import no_such_library.part\n")
    (checkout / ".venv").symlink_to(sys.prefix)
    done = bare(checkout / "scripts" / "docs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        f"has no module no_such_library; {checkout}/.venv/bin/pip install no_such_library\n"
    )
    assert done.stderr.count("\n") == 1


def test_a_module_of_ours_that_is_missing_is_a_fault(checkout: Path) -> None:
    (checkout / "scripts" / "dockit" / "generated.py").write_text("import dockit.nothing\n")
    done = bare(checkout / "scripts" / "docs")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_one_that_does_not_run_says_so(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    done = bare(checkout / "scripts" / "docs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{checkout}/scripts/docs: {checkout}/.venv/bin/python can't be run (No such file or directory); "
        "scripts/test makes .venv anew\n"
    )


def test_one_that_is_no_virtual_environment_is_not_started_for_ever(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    done = bare(checkout / "scripts" / "docs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{checkout}/scripts/docs: {checkout}/.venv is no virtual environment; "
        "scripts/test makes .venv anew\n"
    )


def test_what_crashdrive_says_is_a_line(checkout: Path) -> None:
    module = checkout / "scripts" / "dockit" / "generated.py"
    module.write_text(
        "from crashdrive.errors import DumpError\n\n\ndef main():\n    raise DumpError('vmcore: no dump')\n"
    )
    (checkout / "crashdrive").symlink_to(CHECKOUT / "crashdrive")
    (checkout / ".venv").symlink_to(sys.prefix)
    done = bare(checkout / "scripts" / "docs")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"{checkout}/scripts/docs: vmcore: no dump\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["oopscorpus", "nothing"], "nothing: no folder there"),
        (["oopscorpus", "--table", "nothing"], "nothing: no table there"),
    ],
)
def test_what_is_not_there_is_said(words: list[str], said: str) -> None:
    name, *rest = words
    done = bare(SCRIPTS / name, *rest)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"{name}: error: {said}\n")


@pytest.mark.parametrize("words", [["worst"], ["damage"], ["damage", "--cross"], ["damage", "--lines"]])
def test_a_command_of_which_nothing_is_recorded_is_not_tried_in_vain(words: list[str]) -> None:
    name, *options = words
    done = bare(SCRIPTS / name, *options, "nosuch")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{SCRIPTS / name}: no output of 'nosuch' is recorded\n"
