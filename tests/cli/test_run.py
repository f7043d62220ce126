"""``crashdrive run``: scripts of every kind of end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.errors import DeadlineError
from crashdrive.records import Answer, Notice
from crashdrive.session.health import option_warnings

Cli = Callable[..., tuple[int, bytes, str]]
Script = Callable[[str], str]
pytestmark = pytest.mark.usefixtures("crash")


def test_what_a_script_sees(cli: Cli, vmcore: str, script: Script, tmp_path: Path) -> None:
    (tmp_path / "helper_of_mine.py").write_text("WORD = 'helped'")
    path = script(
        "import sys, helper_of_mine\n"
        "print(__name__, __file__ == sys.argv[0], sys.argv[1:], helper_of_mine.WORD)\n"
        "print(crash.run('btop 512a').text, end='')\n"
        "import __main__; print(__main__.crash is crash)\n"
    )
    status, out, err = cli("run", vmcore, path, "--format", "json", "x")
    assert (status, err) == (0, "")
    assert out.decode() == "__main__ True ['--format', 'json', 'x'] helped\n512a: 512a000\nTrue\n"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("table", "PID  COMM\n  1  init\n"),
        ("json", '[{"pid":1,"comm":"init"}]\n'),
        ("jsonl", '{"pid":1,"comm":"init"}\n'),
        ("csv", "pid,comm\n1,init\n"),
    ],
)
def test_records_of_its_report_are_printed(
    cli: Cli, vmcore: str, script: Script, form: str, expected: str
) -> None:
    path = script("def report(crash):\n    yield {'pid': 1, 'comm': 'init'}\nprint('before')\n")
    status, out, _ = cli("run", "--format", form, vmcore, path)
    assert status == 0
    assert out.decode() == "before\n" + expected


def test_tables_of_its_report(cli: Cli, vmcore: str, script: Script) -> None:
    path = script("def report(crash):\n    return {'a': [{'x': 1}], 'b': []}")
    document = json.loads(cli("run", "--format", "json", vmcore, path)[1])
    assert document["report"] == "script"
    assert document["dump"]["build_id"] == "b1"
    assert document["tables"] == {"a": [{"x": 1}], "b": []}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit", 0),
        ("import sys; sys.exit('bad \\x1b')", 1),
        ("1/0", 1),
        ("raise KeyboardInterrupt", 130),
        ("def report(crash): return None", 0),
        ("def f(:", 1),
        ("crash.run('slow')", 4),
        ("crash.run('ps 999999').check()", 1),
        ("raise BrokenPipeError", 141),
    ],
)
def test_exit_statuses(cli: Cli, crash: Any, vmcore: str, script: Script, text: str, status: int) -> None:
    crash.answers["slow"] = DeadlineError("slow: took longer than 120 s")
    got, _, err = cli("run", vmcore, script(text))
    assert got == status
    assert "\x1b" not in err
    assert "crashdrive/cli" not in err


def test_a_traceback_shows_the_scripts_own_frames(cli: Cli, vmcore: str, script: Script) -> None:
    inner = "def inner():\n    crash.run('ps 999999').check()\n"
    path = script(inner + "try:\n    inner()\nexcept Exception as e:\n    1/0\n")
    _, _, err = cli("run", vmcore, path)
    assert "in inner" in err
    assert "line 2" in err
    assert "ZeroDivisionError" in err
    assert "CommandFailedError: ps 999999" in err
    assert "result.py" not in err
    assert "_script.py" not in err


def test_an_incomplete_answer_is_told(cli: Cli, crash: Any, vmcore: str, script: Script) -> None:
    notice = Notice(kind="partial", message="cut short")
    crash.answer = Answer(command="x", shape="y", complete=False, warnings=(notice,), records=())
    status, _, err = cli("run", vmcore, script("def report(crash): return crash.answer"))
    assert status == 5
    assert err.endswith("incomplete: cut short\n")


COLUMNS = """
from crashdrive.kernel.memory.columns import Columns, Gap
from crashdrive.linux.survey import Reading
from crashdrive.records import Notice

columns = Columns(fields=("pid", "comm"), addresses=(16, 32), columns=((1, 2), ("init", None)),
                  gaps=(Gap(1, 1, 32, "excluded"),))
reading = Reading(rows=({"pid": 7},), complete=False, notices=(Notice(kind="hole", message="a hole"),))
"""


@pytest.mark.usefixtures("crash")
def test_what_was_read_is_shown_as_its_rows_and_marked(cli: Cli, vmcore: str, script: Script) -> None:
    path = script(f"{COLUMNS}\ndef report(crash): return columns\n")
    status, out, err = cli("run", vmcore, path)
    assert (status, out) == (5, b"PID  COMM\n  1  init\n  2\n")
    assert err.endswith("incomplete: read: 1 values unread, excluded, first at 0x20\n")
    path = script(f"{COLUMNS}\ndef report(crash): return {{'tasks': columns, 'more': reading}}\n")
    status, out, _ = cli("run", "--format", "json", vmcore, path)
    document = json.loads(out)
    assert (status, document["complete"]) == (5, False)
    assert document["tables"]["more"] == [{"pid": 7}]
    assert document["tables"]["tasks"][1] == {"pid": 2, "comm": None}
    path = script(f"{COLUMNS}\ndef report(crash): return reading\n")
    status, out, err = cli("run", "--format", "csv", vmcore, path)
    assert (status, out) == (5, b"pid\n7\n")
    assert err.endswith("incomplete: a hole\n")


def test_tables_are_as_incomplete_as_their_answers(cli: Cli, crash: Any, vmcore: str, script: Script) -> None:
    notice = Notice(kind="partial", message="cut short")
    answer = Answer(command="ps", shape="tasks", complete=False, warnings=(notice,), records=({"pid": 1},))
    crash.some = answer
    path = script("def report(crash):\n    return {'tasks': crash.some, 'more': [{'a': 1}]}\n")
    status, out, err = cli("run", "--format", "json", vmcore, path)
    document = json.loads(out)
    assert (status, document["complete"]) == (5, False)
    assert [warning["message"] for warning in document["warnings"]] == ["cut short"]
    assert document["tables"] == {"tasks": [{"pid": 1}], "more": [{"a": 1}]}
    assert err.endswith("incomplete: cut short\n")


def test_bad_words(cli: Cli, crash: Any, vmcore: str, vmlinux: str, tmp_path: Path) -> None:
    assert cli("run", vmcore)[0] == 2
    assert cli("run", vmcore, "--format", "json", "script.py")[2].count("before the files") == 1
    status, _, err = cli("run", vmlinux, vmlinux, "s.py")
    assert (status, err.count(f"{vmlinux!r} is a vmlinux; the dump (VMCORE) is missing")) == (2, 1)
    assert cli("run", vmcore, str(tmp_path / "missing.py"))[0] == 2
    status, _, err = cli("run", vmcore, vmcore)
    assert status == 2
    assert err.count("is no Python script: the dump comes first") == 1
    assert crash.opened == ()  # nothing was started for any of them


def test_a_replay_needs_no_files(cli: Cli, crash: Any, script: Script) -> None:
    path = script("import sys; print(sys.argv[1:])")
    assert cli("run", "--replay", "case.session", path, "x")[1] == b"['x']\n"
    assert crash.opened == (None, None)


def test_stdin_is_the_users(tmp_path: Path, vmcore: str) -> None:
    """In a real process, with a dump opened by a stand-in."""
    plant = tmp_path / "plant"
    plant.mkdir()
    (plant / "fake.py").write_text(
        "import sys, crashdrive.crash\n"
        "class C:\n"
        "    health = type('H', (), {'warnings': ()})\n"
        "    identity = {}\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *a): pass\n"
        "crashdrive.crash.open_dump = lambda *a, **k: C()\n"
        "from crashdrive.cli import main\n"
        "sys.exit(main())\n"
    )
    script = tmp_path / "s.py"
    script.write_text("import sys\nprint(input(), len(sys.stdin.read()))\nsys.exit(9)")

    done = subprocess.run(
        [sys.executable, str(plant / "fake.py"), "run", vmcore, str(script)],
        input=b"first\nrest", capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (9, b"first 4\n", b"")


def test_scripts_on_a_crash_that_reads_zeros_are_incomplete(
    cli: Cli, crash: Any, vmcore: str, script: Script
) -> None:
    path = script("print('read')")
    assert cli("run", vmcore, path)[0] == 0
    crash.warnings = tuple(option_warnings(["--zero_excluded"]))
    status, out, err = cli("run", vmcore, path)
    assert (status, out) == (5, b"read\n")
    assert "incomplete: started with --zero_excluded" in err
