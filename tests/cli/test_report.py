"""``crashdrive report``: commands built out of report modules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import crashdrive.cli.report  # noqa: F401 - see REPORTS
from crashdrive.records import Notice, Report, Table
from crashdrive.reports import module_for, report_names, run_report
from crashdrive.reports.base import Option
from crashdrive.rules import rule_for

# imported below a patch, a module would keep what was patched in for good
REPORTS = tuple(map(module_for, report_names()))
Cli = Callable[..., tuple[int, bytes, str]]

OPTIONS = (
    Option(name="all", flags=("-a", "--all"), help="Everything."),
    Option(name="extend", flags=("-e", "--extend"), help="More columns."),
    Option(name="port", flags=("--port",), help="One port.", kind="integer"),
    Option(name="state", flags=("--state",), help="States.", kind="text", choices=("UP", "DOWN"), many=True),
    Option(name="address", flags=("--at",), help="Where.", kind="address"),
    Option(name="within", flags=("--within",), help="Time.", kind="seconds", default=1.5),
)


def echo(_crash: Any, **options: Any) -> Report:
    complete = not options["all"]
    notices = () if complete else (Notice(kind="excluded", message="a page is missing"),)
    rows = [{"option": name, "value": value} for name, value in options.items()]
    return Report(
        report="echo", tables=(Table(name="options", rows=rows),), complete=complete, warnings=notices
    )


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch, crash: Any) -> Any:
    fake = SimpleNamespace(NAME="echo", SUMMARY="Says it again.", OPTIONS=OPTIONS, report=echo, __doc__=None)
    for place in ("crashdrive.reports", "crashdrive.cli.report"):
        monkeypatch.setattr(f"{place}.report_names", lambda: ("echo",))
        monkeypatch.setattr(f"{place}.module_for", lambda _name: fake)
    crash.run_report = lambda name, **options: run_report(crash, name, **options)
    return fake


def values(out: bytes) -> dict[str, Any]:
    return {row["option"]: row["value"] for row in json.loads(out)["tables"]["options"]}


def test_the_help_says_what_rules_find_and_from_where_on(cli: Cli, module: Any) -> None:
    assert b"Findings" not in cli("report", "echo", "--help")[1]
    module.JUDGED = ("netsummary", "softnet")
    text = cli("report", "echo", "--help")[1].decode()
    shown = dict(
        line.split(maxsplit=1) for line in text[text.index("Findings") :].splitlines()[1:] if line[2] != " "
    )
    assert shown["backlog-full"] == rule_for("backlog-full").threshold
    assert "listen-queue-full" in shown
    assert "conntrack-full" not in shown


def test_options_reach_the_report(cli: Cli, vmcore: str, crash: Any) -> None:
    words = ["-e", "--port", "80", "--state", "UP", "--state", "DOWN", "--at", "0xffff888003a54000"]
    status, out, _ = cli("report", "echo", *words, "--format", "json", vmcore)
    assert status == 0
    assert values(out) == {
        "all": False, "extend": True, "port": 80, "state": ["UP", "DOWN"], "address": "0xffff888003a54000",
        "within": 1.5,
    }  # fmt: skip
    assert crash.opened == (None, vmcore)


def test_defaults(cli: Cli, vmcore: str) -> None:
    _, out, _ = cli("report", "echo", "--format", "json", vmcore)
    assert values(out) == {
        "all": False, "extend": False, "port": None, "state": [], "address": None, "within": 1.5
    }  # fmt: skip


def test_verbose_is_the_programs_in_every_report(cli: Cli, vmcore: str) -> None:
    status, _, err = cli("report", "echo", "-v", vmcore)
    assert status == 0
    assert re.findall(r"crashdrive: (.*): \d+\.\d{3} s\n", err) == ["opened", "report echo", "written"]
    assert cli("report", "echo", vmcore)[2] == ""


@pytest.mark.parametrize("name", report_names())
def test_no_report_takes_the_programs_flags(name: str) -> None:
    flags = {flag for option in module_for(name).OPTIONS for flag in option.flags}
    assert not flags & {"-v", "--verbose", "-h", "--help", "--format"}


def test_an_incomplete_report_is_told(cli: Cli, vmcore: str) -> None:
    status, out, err = cli("report", "echo", "-a", vmcore)
    assert status == 5
    assert b"within" in out
    assert err == "crashdrive: echo: incomplete: a page is missing\n"


def test_list_and_help(cli: Cli) -> None:
    status, out, _ = cli("report", "--list")
    assert status == 0
    assert b"echo    Says it again." in out
    assert b"--port INTEGER" in cli("report", "echo", "--help")[1]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nope"],
        ["echo"],
        ["echo", "--port", "x", "f"],
        ["echo", "--state", "Z", "f"],
        ["echo", "a", "b", "c"],
        ["echo", "--at", "zz", "f"],
    ],
)
def test_usage_errors(cli: Cli, words: list[str]) -> None:
    status, out, err = cli("report", *words)
    assert (status, out) == (2, b"")
    assert "crashdrive" in err


def test_the_registry_finds_modules_and_refuses_unknown_options(crash: Any) -> None:
    from crashdrive.errors import UsageError

    with pytest.raises(UsageError, match="no option colour"):
        run_report(crash, "echo", colour="red")
    assert report_names() == report_names()
    assert module_for is not None


@pytest.mark.parametrize(
    "words", [("--columns", "option,program"), ("--where", "program=nginx"), ("--sort", "-program")]
)
def test_a_column_that_a_flag_fills_has_that_flag_given(
    cli: Cli, module: Any, words: tuple[str, ...]
) -> None:
    module.OPTIONS = (Option(name="processes", flags=("-p",), help="Who has it.", fills=("program",)),)

    def owned(_crash: Any, *, processes: bool) -> Report:
        rows = [{"option": "processes", "program": "nginx" if processes else None}]
        return Report(report="echo", tables=(Table(name="options", rows=rows),))

    module.report = owned
    found = json.loads(cli("report", "echo", "vmcore", "--format", "json", *words)[1])
    assert [row["program"] for row in found["tables"]["options"]] == ["nginx"]


def test_columns_that_flags_fill_are_some_of_the_reports() -> None:
    filled = {(one.NAME, name) for one in REPORTS for option in one.OPTIONS for name in option.fills}
    assert {("netstat", "pid"), ("netstat", "program"), ("ps", "wait_channel")} <= filled
    assert all(option.kind == "flag" for one in REPORTS for option in one.OPTIONS if option.fills)


@pytest.mark.parametrize("name", sorted(report_names()))
def test_help_of_every_report_teaches_in_80_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    for place in ("crashdrive.reports", "crashdrive.cli.report"):
        monkeypatch.setattr(f"{place}.report_names", report_names)
        monkeypatch.setattr(f"{place}.module_for", module_for)
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = cli("report", name, "--help")
    text = out.decode()
    assert status == 0
    assert f"crashdrive report {name} " in text.partition("Examples:")[2]
    assert "\\b" not in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_the_one_address_that_is_none_is_named(cli: Cli, vmcore: str) -> None:
    assert "'zz' is no address" in cli("report", "echo", "--at", "zz", vmcore)[2]
