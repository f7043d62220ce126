"""Lines obeyed: answers in all forms, rows by their numbers, pipes, Python, help, files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from crashdrive.errors import UsageError
from crashdrive.shell.report_words import asked
from crashdrive.shell.rows import Rows, filled_in
from crashdrive.shell.talk import Shell

Capture = pytest.CaptureFixture[str]
TASK = "ffff8ea55eb78000"  # of pid 324


def obey(shell: Shell, *lines: str) -> None:
    for line in lines:
        shell.obey(line)


def test_a_command_is_printed_as_crash_prints_it(shell: Shell, capsys: Capture) -> None:
    obey(shell, "ps")
    out = capsys.readouterr().out
    assert out == shell.crash.run("ps").text.replace("\r", "")
    assert shell.status == 0


def test_forms_of_one_answer_and_of_all(shell: Shell, capsys: Capture) -> None:
    obey(shell, "json ps -S")
    document = json.loads(capsys.readouterr().out)
    assert (document["command"], document["shape"]) == ("ps -S", "states")
    obey(shell, "csv ps -S")
    assert capsys.readouterr().out.splitlines()[0].startswith("state,")
    obey(shell, "format jsonl", "ps -S")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "format: jsonl (text, table, json, jsonl, csv)"
    assert all("state" in json.loads(line) for line in lines)


def test_rows_of_the_last_answer(shell: Shell, capsys: Capture) -> None:
    obey(shell, "ps", "_")
    rows = shell.last().rows
    number = next(at for at, row in enumerate(rows, 1) if row.pid == 324)
    capsys.readouterr()
    obey(shell, f"#{number}", f"#{number}.pid", f"#{number}.task", f"json #{number}")
    out = capsys.readouterr().out
    assert "\n324\n" in out
    assert f"\n{TASK}\n" in out
    assert json.loads(out.splitlines()[-1])[0]["pid"] == 324
    obey(shell, f"#{number}.bt", f"bt #{number}", f"bt #{number}.pid")
    out = capsys.readouterr().out
    assert out.count(f"TASK: {TASK}") == 3
    # what was asked of a row leaves the rows
    assert shell.last().rows == rows
    assert sys.modules["__main__"].__dict__["row"](number).pid == 324


def test_references_that_lead_nowhere(shell: Shell) -> None:
    with pytest.raises(UsageError, match="no answer yet"):
        shell.obey("#1")
    obey(shell, "ps")
    with pytest.raises(UsageError, match=r"#4000: the last answer \(ps\) has #1 to #\d+"):
        shell.obey("#4000")
    with pytest.raises(UsageError, match=r"no field or command; near: pid.*it has"):
        shell.obey("#1.pdi")
    with pytest.raises(UsageError, match="no number to put into a command"):
        shell.obey("bt #1.comm")
    obey(shell, "sym init_net")
    with pytest.raises(UsageError, match="no task"):
        shell.obey("#1.bt")


def test_a_name_out_of_a_dump_reaches_no_command() -> None:
    rows = Rows("made", [{"pid": 7, "comm": "x | touch pwned", "address": 0xFFFF888003A54000}])
    assert filled_in("bt #1", lambda: rows) == "bt 7"
    assert filled_in("rd #1.address", lambda: rows) == "rd ffff888003a54000"
    for line in ("ps #1.comm", "bt #1.comm"):
        with pytest.raises(UsageError, match="no number"):
            filled_in(line, lambda: rows)
    assert filled_in("p a#1", lambda: rows) == "p a#1"


def test_reports_with_and_without_their_word(shell: Shell, capsys: Capture) -> None:
    obey(shell, "netstat -lt --where local_port=8005 --columns local_address,local_port")
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["LOCAL_ADDRESS", "LOCAL_PORT"]
    assert table[1].split() == ["::1", "8005"]
    obey(shell, "report netstat -lt --format json")
    assert json.loads(capsys.readouterr().out)["report"] == "netstat"
    for line, told in (
        ("netstat --lisening", "near: --listening"),
        ("netstat --port 70000", "0 to 65535"),
        ("netstat --state", "expected one argument"),
        ("report nosuch", "no report 'nosuch'"),
        ("netstat --where x", "a condition is"),
        ("skb zz --nosuch", "no option"),
        ("netstat 'a", "No closing quotation"),
    ):
        with pytest.raises(UsageError, match=told):
            shell.obey(line)


def test_pipes_are_what_the_user_typed(shell: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    obey(shell, "ps | grep -c kworker", "ps > tasks", "ps >> tasks", "sym init_net | >>> _.one().name")
    count, name = capfd.readouterr().out.split()
    assert int(count) > 3
    assert name == "'init_net'"
    text = shell.crash.run("ps").text
    assert Path("tasks").read_text() == text * 2
    obey(shell, "hostile | cat", "! echo here")
    assert not Path("pwned").exists()
    assert capfd.readouterr().out.endswith("$(touch pwned)\nhere\n")
    for line in ("ps | ", "ps > ", "ps > no/such/folder", "ps | no-such-program-at-all", "!"):
        with pytest.raises(UsageError):
            shell.obey(line)


def test_a_shell_that_is_none(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/no/such/shell")
    with pytest.raises(UsageError, match="which SHELL names, can't be started: No such file"):
        shell.obey("ps | cat")


def test_python_has_the_answers(shell: Shell, capsys: Capture, errors: list[BaseException]) -> None:
    obey(
        shell,
        "tasks = crash.ps()",
        "len(tasks)",
        "n = 0",
        "for t in tasks:",
        "    n += 1",
        "",
        "n == len(tasks)",
    )
    count, same = capsys.readouterr().out.split()
    assert int(count) > 50
    assert same == "True"
    obey(shell, "ps -S", "len(_)", "tasks[1]")
    assert "swapper/1" in capsys.readouterr().out
    obey(shell, "ps | >>> 1 / 0")
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert shell.status == 1


def test_python_shows_records_as_tables_and_texts_safely(shell: Shell, capsys: Capture) -> None:
    obey(shell, "crash.ps()[:0]", "[t for t in crash.ps() if t.pid == 324]", "'\\x1b[31m'")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "pid:         324" in out
    obey(shell, "#1.pid")
    assert capsys.readouterr().out == "324\n"


def test_what_was_read_at_once_is_a_table(shell: Shell, capsys: Capture, told: list[str]) -> None:
    obey(
        shell,
        "from crashdrive.kernel.memory.columns import Columns, Gap",
        "found = Columns(fields=('pid', 'comm'), addresses=(16, 32), columns=((1, 2), ('init', None)), "
        "gaps=(Gap(1, 1, 32, 'excluded'),))",
        "found",
    )
    assert capsys.readouterr().out == "PID  COMM\n  1  init\n  2\n"
    assert told == ["the last value: incomplete: read: 1 values unread, excluded, first at 0x20"]
    obey(shell, "#1.comm")
    assert capsys.readouterr().out == "init\n"
    assert shell.status == 5


def test_what_crash_refuses_is_told(shell: Shell, told: list[str], capsys: Capture) -> None:
    obey(shell, "sym nosuchsymbolx")
    assert shell.status == 1
    assert "nosuchsymbolx" in capsys.readouterr().out
    assert told == []


def test_lines_of_a_file(shell: Shell, capsys: Capture) -> None:
    Path("lines").write_text(
        "# nothing\nx = 6\n>>> for n in range(2):\n...     print(n * x)\n\nformat json\n"
    )
    obey(shell, "< lines", "x")
    assert capsys.readouterr().out.splitlines() == [
        "0",
        "6",
        "format: json (text, table, json, jsonl, csv)",
        "6",
    ]
    Path("nested").write_text("< lines\n")
    with pytest.raises(UsageError, match="do not nest"):
        shell.obey("< nested")
    with pytest.raises(UsageError, match="No such file"):
        shell.obey("< none")


def test_help(shell: Shell, capsys: Capture) -> None:
    obey(shell, "?")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) < 80
    assert "netstat" in out
    obey(shell, "? netstat", "ascii?", "? crash.ps")
    out = capsys.readouterr().out
    assert "--listening" in out
    assert "ASCII" in out.upper()
    assert "kernel: 'bool'" in out
    with pytest.raises(UsageError, match="near: "):
        shell.obey("? netsta")


def test_the_end(shell: Shell) -> None:
    obey(shell, "pager off", "quit")
    assert shell.over
    assert not shell.paging


def test_a_column_that_an_option_fills_has_it_given() -> None:
    assert asked("netstat --where program=nginx").options["processes"] is True
    assert asked("netstat --columns state").options["processes"] is False
