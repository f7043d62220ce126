"""What a user types first."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.records import Report, Table
from tests.cli.conftest import FakeCrash

Cli = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def reports(crash: FakeCrash) -> FakeCrash:
    rows = [{"name": "b", "value": 2}, {"name": "a", "value": 1}, {"name": "c", "value": 3}]
    made: Any = crash
    made.run_report = lambda name, **_: Report(report=name, tables=(Table(name="rows", rows=rows),))
    return crash


def test_a_dump_alone_is_triaged(cli: Cli, reports: FakeCrash, vmcore: str, vmlinux: str) -> None:
    for line in ((vmcore,), (vmlinux, vmcore), (vmcore, vmlinux), (vmcore, "--format", "json")):
        status, out, err = cli(*line)
        assert (status, err) == (0, "")
        assert out
        assert reports.opened[1] == vmcore
    assert json.loads(cli(vmcore, "--format", "json")[1])["report"] == "triage"


def test_what_is_neither_command_nor_dump(cli: Cli, vmlinux: str) -> None:
    assert "No such command 'reprot'; near: report" in cli("reprot")[2]
    assert cli(vmlinux)[0] == 2


@pytest.mark.usefixtures("reports")
def test_rows_and_columns_of_any_report(cli: Cli, vmcore: str) -> None:
    line = ("report", "softnet", "--format", "csv", vmcore)
    assert cli(*line, "--sort", "name", "--limit", "2", "--columns", "name") == (
        0,
        b"name\na\nb\n",
        "crashdrive: softnet: rows: 1 more row (--limit)\n",
    )
    assert cli(*line, "--where", "value>1", "--sort", "-value")[1] == b"name,value\nc,3\nb,2\n"
    assert cli(*line, "--where", "value")[0] == 2
    status, out, err = cli(*line, "--sort", "nmae")
    assert (status, out) == (2, b"")
    assert err == "crashdrive: no column 'nmae'; near: name\n"


def test_a_bad_condition_is_told_before_crash_starts(cli: Cli, reports: FakeCrash, vmcore: str) -> None:
    assert cli("report", "softnet", vmcore, "--where", "value>x")[0] == 2
    assert reports.opened == ()


@pytest.mark.usefixtures("crash")
def test_a_script_out_of_stdin(cli: Cli, vmcore: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"import sys\nprint(sys.argv, crash.run('btop 512a').text)\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    assert cli("run", vmcore, "-", "x")[:2] == (0, b"['-', 'x'] 512a: 512a000\n\n")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"1 +")))
    status, _, err = cli("run", vmcore, "-")
    assert status == 1
    assert 'File "<stdin>", line 1' in err
