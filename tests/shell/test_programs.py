"""PyKdump's programs in a shell: they share one __main__ with each other and with Python."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pykdumpkit as kit
import pytest

import crashdrive
from crashdrive.pykdump.run import Run, current
from crashdrive.shell.talk import Shell


@pytest.fixture
def lines(open_shell: Callable[[Path], Shell]) -> Shell:
    """A shell over a session that PyKdump's programs were recorded in."""
    return open_shell(max(kit.RECORDINGS.glob(f"*/{kit.SESSION}")))


def run() -> Run:
    return current()


def obey(lines: Shell, *given: str) -> None:
    for line in given:
        lines.obey(line)


def test_programs_share_one_main(lines: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.py").write_text("from pykdump.API import *\nseen = sys_info.CPUS\n")
    Path("two.py").write_text("import sys\nprint(seen, sys.argv[1:], readSymbol('init_task').comm)\n")
    obey(lines, "epython one.py", "epython two -x 'a b' --timeout=7", ">>> seen + 1")
    assert capsys.readouterr().out == "2 ['-x', 'a b'] swapper/0\n3\n"
    assert lines.status == 0
    assert run().commands.timeout == 7


def test_what_ends_a_program_ends_no_session(
    lines: Shell, errors: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ends.py").write_text("import sys\nprint('before')\nsys.exit(3)\n")
    Path("fails.py").write_text("1 / 0\n")
    obey(lines, "epython ends.py", "epython fails.py", "epython none.py", ">>> undefined")
    assert capsys.readouterr().out == "before\n -- sys.exit(3) --\n Cannot find the program <none.py>\n"
    assert [type(error) for error in errors] == [ZeroDivisionError, NameError]
    assert (lines.status, lines.over) == (1, False)


def test_registered_programs_and_aliases_are_commands(
    lines: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("programs")
    folder.mkdir()
    (folder / "mine.py").write_text("import sys\nprint('mine', sys.argv[1:])\n")
    (folder / "asks.py").write_text(
        "from crash import register_epython_prog as rprog\n"
        "from pykdump.API import *\n"
        "rprog('mine', 'what', '-h', 'help')\n"
        "print(exec_crash_command('mine 1').strip())\n"
        "print(exec_crash_command('alias mein \"epython mine x\"').splitlines()[0])\n"
    )
    monkeypatch.setenv("PYKDUMPPATH", str(folder.absolute()))
    obey(lines, "epython asks", "mine 2", "mein 3", 'alias m "mine 4"', "m")
    out = capsys.readouterr().out
    assert "mine ['1']\nORIGIN   ALIAS    COMMAND\nmine ['2']\nmine ['x', '3']\n" in out
    assert out.endswith("runtime  m        mine 4\nmine ['4']\n")
    assert set(run().programs.known()) == {"asks", "mine"}


def test_python_goes_over_several_lines(lines: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    more = []
    for line in (">>> for n in range(2):", "...     print(n)", ""):
        lines.obey(line)
        more.append(lines.more)
    assert more == [True, True, False]
    obey(lines, "# a comment", "", ">>> import crashdrive; crashdrive.embedded")
    assert capsys.readouterr().out == "0\n1\nTrue\n"
    obey(lines, ">>> def f(", "")
    assert (lines.status, lines.more) == (1, False)


def test_commands_of_crash_are_run_and_q_is_the_end(lines: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    obey(lines, "sys", "q")
    assert "RELEASE" in capsys.readouterr().out
    assert lines.over


def test_options_of_epython(lines: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    Path("tool.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    obey(lines, "epython -h", "epython -v", "epython -p", "epython --ehelp", "epython -m tool 1")
    out = capsys.readouterr().out
    assert "--ehelp" in out
    assert "--maxel" in out
    assert sys.version in out
    assert lines.status == 0


def test_nothing_is_embedded_while_nothing_runs() -> None:
    assert crashdrive.embedded is False
