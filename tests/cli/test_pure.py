"""What a script prints is kept where it depends on the dump and the arguments alone, and only there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.cli._pure import Pure, purity
from crashdrive.dump.contents import current_mark
from tests.cli.test_kept import Asked, Cli, asked, binary, grown, replaced, written_to

__all__ = ["asked", "binary"]

FIVE = sorted((Path(__file__).parents[2] / "benchmarks/five").glob("*.py"))
PURE = """\
import sys
import collections.abc
from crashdrive import Crash
from crashdrive.linux.survey import Survey
def report(crash: Crash) -> None:
    print(crash.run("btop 512a").text.strip(), sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def _settled(crash: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of tests are a moment old."""
    monkeypatch.setattr("crashdrive.cli._pure.is_settled", lambda _mark: True)
    monkeypatch.setattr("crashdrive.session.kept.is_repeatable", lambda _session: True)
    crash.asked_foreign = False


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    folder.mkdir()
    path = folder / "mine.py"
    path.write_text(PURE)
    return path


def told(path: Path) -> Pure | str:
    return purity(str(path), current_mark(path), path.read_bytes())


def test_there_are_five() -> None:
    assert len(FIVE) == 5


@pytest.mark.parametrize("path", FIVE, ids=lambda path: path.stem)
def test_scripts_as_users_write_them(path: Path) -> None:
    assert isinstance(told(path), Pure)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os", "line 1 imports os"),
        ("\nfrom pathlib import Path", "line 2 imports pathlib"),
        ("import time as json", "line 1 imports time"),
        ("import sys as system", "line 1 imports sys"),
        ("from . import mine", "line 1 imports what lies beside it"),
        ("from json import *", "line 1 imports json.*"),
        ("import crashdrive", "line 1 imports crashdrive"),
        ("from crashdrive import open_dump", "line 1 imports crashdrive.open_dump"),
        ("from crashdrive import nocache", "line 1 has @nocache"),
        ("from crashdrive.kernel.debuginfo.sections import Sections",
         "line 1 imports crashdrive.kernel.debuginfo.sections"),
        ("from crashdrive.linuxes import x", "line 1 imports crashdrive.linuxes"),
        ("from crashdrive.linux.modules.files import os", "line 1 imports os"),
        ("from sys import stdin", "line 1 imports sys.stdin"),
        ("import sys\nsys.stdin", "line 2 uses sys.stdin"),
        ("import sys\nprint(1, file=sys.stderr)", "line 2 uses sys.stderr"),
        ("import sys\nother = sys", "line 2 uses sys"),
        ("open('x')", "line 1 uses open"),
        ("read = open", "line 1 uses open"),
        ("input()", "line 1 uses input"),
        ("__import__('os')", "line 1 uses __import__"),
        ("import json\njson.codecs", "line 2 uses .codecs"),
        ("import argparse\nargparse._sys", "line 2 uses ._sys"),
        ("import argparse\nargparse.FileType()", "line 2 uses .FileType"),
        ("import argparse\nargparse.ArgumentParser(fromfile_prefix_chars='@')",
         "line 2 uses fromfile_prefix_chars"),
        ("from datetime import datetime\ndatetime.now()", "line 2 uses .now"),
        ("from datetime import date\ngetattr(date, 'today')()", "line 2 has the text 'today'"),
        ("crash.session.marks", "line 1 uses .session"),
        ("crash.run('ps').elapsed", "line 1 uses .elapsed"),
        ("().__class__.__base__", "line 1 uses .__base__"),
        ("def f():\n  def g():\n    import socket", "line 3 imports socket"),
        ("print 1", "it is in Python 2"),
        ("x = " + "(" * 3000, "it is in Python 2"),
    ],
)  # fmt: skip
def test_what_may_read_anything_is_run_each_time(script: Path, text: str, why: str) -> None:
    script.write_text(text)
    assert told(script) == why


def test_no_file_and_a_fresh_one_are_not_kept(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert purity("-", None, b"") == "it is no file"
    assert purity(str(script.parent), current_mark(script.parent), b"") == "it is no file"
    monkeypatch.undo()
    assert told(script) == "it was written a moment ago"


def test_a_module_in_place_of_pythons_own(script: Path) -> None:
    script.with_name("collections.py").touch()
    assert told(script) == f"{script.with_name('collections.py')} may be a module"


def test_the_same_script_again_is_answered_without_crash(cli: Cli, asked: Asked, script: Path) -> None:
    line = ("run", asked.vmcore, str(script), "an argument")
    first = cli(*line)
    assert first == (0, b"512a: 512a000 ['an argument']\n", "")
    assert cli(*line) == first
    assert asked.opened == 1
    assert cli("run", asked.vmcore, str(script), "another")[1] == b"512a: 512a000 ['another']\n"
    assert asked.opened == 2
    assert "out of the store" in cli("run", "-v", *line[1:])[2]
    cli("run", "--no-cache", *line[1:])
    cli("run", "--refresh", *line[1:])
    assert asked.opened == 4


def edited(path: str) -> None:
    Path(path).write_text(PURE.replace("print(", "print('edited', "))


def shadowed(path: str) -> None:
    Path(path).with_name("collections.py").touch()


def is_away(path: str) -> None:
    Path(path).rename(f"{path}.old")


@pytest.mark.parametrize("change", [edited, grown, replaced, written_to, shadowed])
def test_a_script_that_changed_is_run(
    cli: Cli, asked: Asked, script: Path, change: Callable[[str], None]
) -> None:
    script.write_text(PURE + "#\n")
    for _ in range(2):
        assert cli("run", asked.vmcore, str(script))[0] == 0
    assert asked.opened == 1
    change(str(script))
    cli("run", asked.vmcore, str(script))
    assert asked.opened == 2


def test_a_script_that_is_away_is_said_to_be(cli: Cli, asked: Asked, script: Path) -> None:
    cli("run", asked.vmcore, str(script))
    is_away(str(script))
    assert cli("run", asked.vmcore, str(script))[0] == 2


@pytest.mark.parametrize("which", ["vmcore", "vmlinux"])
def test_a_dump_that_changed_is_asked(cli: Cli, asked: Asked, script: Path, which: str) -> None:
    cli("run", asked.vmcore, str(script))
    grown(getattr(asked, which))
    cli("run", asked.vmcore, str(script))
    assert asked.opened == 2


def test_a_script_that_is_edited_while_it_runs_is_not_kept(cli: Cli, asked: Asked, script: Path) -> None:
    asked.meanwhile = lambda: edited(str(script))
    assert cli("run", asked.vmcore, str(script))[1] == b"512a: 512a000 []\n"
    asked.meanwhile = lambda: None
    assert cli("run", asked.vmcore, str(script))[1] == b"edited 512a: 512a000 []\n"
    assert asked.opened == 2


@pytest.mark.parametrize(
    "text",
    [
        "import os\n",
        "from crashdrive import nocache\n@nocache\ndef look(): pass\n",
        "import sys\nsys.exit(1)\n",
        "raise ValueError\n",
    ],
)
def test_what_reads_more_or_failed_is_run_again(cli: Cli, asked: Asked, script: Path, text: str) -> None:
    script.write_text(text)
    first = cli("run", asked.vmcore, str(script))
    assert cli("run", asked.vmcore, str(script)) == first
    assert asked.opened == 2


def test_what_failed_by_chance_is_run_again(
    cli: Cli, asked: Asked, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crashdrive.session.kept.is_repeatable", lambda _session: False)
    for _ in range(2):
        cli("run", asked.vmcore, str(script))
    assert asked.opened == 2


def test_what_asked_a_report_from_elsewhere_is_run_again(
    cli: Cli, asked: Asked, crash: Any, script: Path
) -> None:
    crash.asked_foreign = True
    for _ in range(2):
        cli("run", asked.vmcore, str(script))
    assert asked.opened == 2


def test_why_a_script_is_not_kept_is_told(cli: Cli, asked: Asked, script: Path) -> None:
    script.write_text("import os\n")
    assert f"{script} is run each time: line 1 imports os\n" in cli("run", "-v", asked.vmcore, str(script))[2]
    assert cli("run", asked.vmcore, str(script))[2] == ""
