"""``crashdrive exec``."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.errors import DeadlineError, SessionDiedError, StartError
from crashdrive.session.health import HealthWarning
from crashdrive.session.result import CommandResult, Failure


def feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What stdin holds."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


Cli = Callable[..., tuple[int, bytes, str]]


def test_text_comes_as_crash_prints_it(cli: Cli, crash: Any, vmcore: str) -> None:
    status, out, err = cli("exec", vmcore, "hostile", "btop 512a")
    assert (status, err) == (0, "")
    assert out == b"crash> hostile\na\tb\n\x1b]0;pwned\x07[red]\x9b\ncrash> btop 512a\n512a: 512a000\n"
    assert crash.closed == 1


def test_files_in_either_order(cli: Cli, crash: Any, vmcore: str, vmlinux: str) -> None:
    cli("exec", vmlinux, vmcore, "sys")
    assert crash.opened == (vmlinux, vmcore)
    cli("exec", vmcore, vmlinux, "sys")
    assert crash.opened == (vmlinux, vmcore)
    cli("exec", vmcore, "sys")
    assert crash.opened == (None, vmcore)


def test_options_reach_the_session(cli: Cli, crash: Any, vmcore: str) -> None:
    cli(
        "exec", "--crash", "/a", "--crash", "/b", "--timeout", "7", "--record", "r", "--debug-dir", "/d",
        "--no-side-channel", vmcore, "sys",
    )  # fmt: skip
    assert crash.options.pop("notify")
    assert crash.options == {
        "crash": ("/a", "/b"), "timeout": 7.0, "record": "r", "replay": None, "debug_dirs": ("/d",),
        "side_channel": False, "purpose": None, "btf": False, "warm": False, "cache": True,
        "refresh": False, "host": None,
    }  # fmt: skip


def test_a_replay_needs_no_dump(cli: Cli, crash: Any) -> None:
    assert cli("exec", "--replay", "case.session", "sys", "log")[0] == 0
    assert crash.opened == (None, None)
    assert crash.options["replay"] == "case.session"


def test_a_failed_command_stops_nothing(cli: Cli, crash: Any, vmcore: str) -> None:
    status, out, err = cli("exec", vmcore, "ps 999999", "btop 512a")
    assert status == 1
    assert out.endswith(b"512a: 512a000\n")
    assert err == "crashdrive: ps 999999: ps: invalid task or pid value: 999999\n"
    assert crash.closed == 1


def test_records_of_a_command_that_failed_for_one_of_several(cli: Cli, crash: Any, vmcore: str) -> None:
    header = 'PID: 7        TASK: ffff8904411fc180  CPU: 0    COMMAND: "sh"\n'
    said = "bt: read of stack at fffffe0000014000 failed"
    frame = " #0 [ffffcdfe80013c10] schedule at ffffffffac86c62f\n"
    failure = Failure(kind="message", message=said)
    text = f"{header}{said}\n\n{header}{frame}".encode()
    crash.answers["bt -a"] = CommandResult(command="bt -a", raw=text, elapsed=0.0, failure=failure)
    status, out, err = cli("exec", "--format", "json", vmcore, "bt -a")
    answer = json.loads(out)
    assert (status, answer["complete"], len(answer["records"])) == (5, False, 2)
    assert said in str(answer["warnings"])
    assert err.startswith("crashdrive: bt -a: incomplete: ")


@pytest.mark.usefixtures("crash")
def test_json_one_object_per_line_and_command(cli: Cli, vmcore: str) -> None:
    status, out, err = cli("exec", "--format", "json", vmcore, "ps 999999", "ps")
    first, second = map(json.loads, out.splitlines())
    assert status == 1
    assert "999999" in err
    assert first["shape"] == "failed"
    assert first["complete"] is False
    assert second["command"] == "ps"
    assert [task["pid"] for task in second["records"]] == [0, 1]
    assert second["complete"] is True
    assert list(second) == ["command", "shape", "complete", "warnings", "records"]


def test_commands_from_stdin(cli: Cli, crash: Any, vmcore: str, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "\nhostile\n  btop 512a\n")
    _, out, _ = cli("exec", "--no-header", vmcore, "-")
    assert out.count(b"\n") == 3
    assert crash.closed == 1


def test_files_of_crash_i_work_unchanged(
    cli: Cli, crash: Any, vmcore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(
        monkeypatch, "# all of it\n\n  // as crash has it\nsf\nset scroll off\n\tbtop\t512a\r\nps\nquit\nbt\n"
    )
    assert cli("exec", vmcore, "-") == (
        0, b"crash> btop 512a\n512a: 512a000\ncrash> ps\n" + crash.answers["ps"], ""
    )  # fmt: skip
    assert crash.ran == ["btop 512a", "ps"]


@pytest.mark.parametrize("leave", ["q", "quit", "exit", "  q # done", "\\quit"])
def test_what_leaves_crash_ends_the_run(cli: Cli, crash: Any, vmcore: str, leave: str) -> None:
    assert cli("exec", vmcore, "btop 512a", leave, "ps") == (0, b"512a: 512a000\n", "")
    assert cli("exec", vmcore, leave, "ps") == (0, b"", "")
    assert crash.closed == 1


def test_an_input_file(
    cli: Cli, crash: Any, vmcore: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my commands").write_bytes(b"# caf\xe9\nbtop 512a\n")
    monkeypatch.chdir(tmp_path)
    assert cli("exec", vmcore, "< my commands") == (0, b"512a: 512a000\n", "")
    status, out, err = cli("exec", vmcore, "ps", "< nosuch")
    assert (status, out) == (2, b"")
    assert err == "crashdrive: input file 'nosuch': No such file or directory\n"
    assert crash.closed == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set gdb on", "stdin:2: `set gdb` is the session's own"),
        ("p \x1b[2J", "stdin:2: no single crash command: 'p \\x1b[2J'"),
        ("bt " + "1" * 1500, "stdin:2: crash takes 1499 characters"),
        ("bt caf\xe9\x01", "stdin:2: no single crash command"),
    ],
)
def test_a_line_that_cannot_be_sent_is_told_before_anything_runs(
    cli: Cli, crash: Any, vmcore: str, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    feed(monkeypatch, f"ps\n{line}\n")
    status, out, err = cli("exec", vmcore, "-")
    assert (status, out, crash.closed) == (2, b"", 0)
    assert err.startswith(f"crashdrive: {said}")
    assert err.count("\n") == 1


def test_input_files_do_not_nest_and_stop_nothing(
    cli: Cli, crash: Any, vmcore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, "btop 512a\n< other\nps\n")
    status, _, err = cli("exec", vmcore, "-")
    assert (status, crash.ran) == (2, ["btop 512a", "ps"])
    assert err == "crashdrive: < other: input files do not nest, as with crash\n"


def test_what_is_about_the_terminal_is_left_out_and_said(cli: Cli, crash: Any, vmcore: str) -> None:
    status, _, err = cli("exec", vmcore, "set scroll on", "sn", "set silent off", "ps", "set scroll off")
    assert (status, crash.ran) == (0, ["ps"])
    assert err.count("left out: it is about crash's own terminal") == 3


def test_aliases_of_earlier_lines(cli: Cli, crash: Any, vmcore: str) -> None:
    assert cli("exec", "--no-header", vmcore, "alias tasks ps", "tasks 999999")[0] == 1
    assert crash.ran == ["alias tasks ps", "ps 999999"]
    out = cli("exec", "--format", "jsonl", vmcore, 'alias t "ps"', "alias x ps", 'alias x ""', "t")[1]
    assert json.loads(out.splitlines()[-1])["table"] == "ps"


def test_redirections_are_in_the_users_folder(
    cli: Cli, crash: Any, vmcore: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("exec", vmcore, "ps > ps.txt")[0] == 0
    assert crash.ran == [f"gdb cd {tmp_path}", "ps > ps.txt", "gdb cd"]


def test_a_folder_that_crash_cannot_be_led_to(
    cli: Cli, crash: Any, vmcore: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a | b").mkdir()
    monkeypatch.chdir(tmp_path / "a | b")
    status, _, err = cli("exec", vmcore, "ps > ps.txt", "btop 512a")
    assert (status, crash.ran) == (2, ["btop 512a"])
    assert "crash can't write into a folder of this name" in err


@pytest.mark.usefixtures("crash")
def test_an_empty_stdin_is_no_success(cli: Cli, vmcore: str, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "")
    assert cli("exec", vmcore, "-")[0] == 2
    feed(monkeypatch, "# nothing to do\n")
    assert cli("exec", vmcore, "-") == (0, b"", "")


def test_health_warnings_are_told(cli: Cli, crash: Any, vmcore: str) -> None:
    crash.warnings = (HealthWarning(kind="start-warning", message="a\x1b[2Jb"),)
    _, _, err = cli("exec", vmcore, "sys")
    assert err == "crashdrive: warning: a\\x1b[2Jb\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_doubtful_answers_are_marked_in_every_format(cli: Cli, crash: Any, vmcore: str, form: str) -> None:
    crash.warnings = (HealthWarning(kind="task-table", message="few", affects=("ps",)),)
    status, out, err = cli("exec", "--format", form, vmcore, "ps")
    assert status == 5
    assert b"init" in out
    assert "ps: incomplete" in err
    assert cli("exec", vmcore, "hostile")[0] == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StartError("no prompt"), 3),
        (SessionDiedError("crash died"), 3),
        (DeadlineError("too slow"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_statuses(cli: Cli, crash: Any, vmcore: str, error: BaseException, status: int) -> None:
    crash.answers["bt"] = error
    got, out, err = cli("exec", vmcore, "bt")
    assert (got, out) == (status, b"")
    assert err.startswith("crashdrive: ")
    assert err.count("\n") == 1
    assert crash.closed == 1


@pytest.mark.usefixtures("crash")
@pytest.mark.parametrize(
    "words", [[], ["{vmcore}"], ["{vmlinux}", "sys"], ["--format", "xml", "{vmcore}", "sys"]]
)
def test_usage_errors(cli: Cli, vmcore: str, vmlinux: str, words: list[str]) -> None:
    if words[1:] == ["sys"]:
        words = [vmlinux]
    status, _, err = cli("exec", *(word.format(vmcore=vmcore, vmlinux=vmlinux) for word in words))
    assert status == 2
    assert err.startswith("crashdrive: ")
    assert "crashdrive exec --help" in err


IMPORTED = """\
import sys
from crashdrive import crash
from crashdrive.cli import main
from tests.cli.conftest import FakeCrash
crash.open_dump = FakeCrash().open
status = main(sys.argv[1:])
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize("command", ["ps", "btop 512a"])
def test_text_is_shown_without_a_parser(command: str, vmcore: str) -> None:
    """Grammars, and pyparsing under them, are for records alone."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, "exec", vmcore, command],
        capture_output=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, bool(done.stdout)) == (0, True)
    modules = set(done.stderr.decode().split())
    assert not modules & {"pyparsing", f"crashdrive.parsers.{command.partition(' ')[0]}"}
