"""What an agent is answered: bounded, paged, marked, and nothing that changes anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.errors import UsageError
from crashdrive.mcp import desk as desks
from crashdrive.mcp.desk import Desk
from crashdrive.records import Finding, Notice, Report, Table
from crashdrive.session import CommandResult, Session

GOLDEN = Path(__file__).parents[2] / "golden_outputs/sessions/6.1-elf-sysrq-8.0.2/session.xz"


@pytest.fixture(scope="module")
def recorded() -> Iterator[Desk]:
    """A recorded session that answers all reports of the network."""
    desk = Desk(lambda: Crash(Session.replay(GOLDEN), keep=False))
    yield desk
    desk.close()


class Fake:
    """A dump whose reports and commands are made up."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.asked: list[Any] = []
        self.ran: list[str] = []
        self.complete = True

    def open(self) -> Any:
        self.opened += 1
        return self

    def close(self) -> None:
        self.closed += 1

    def run_report(self, name: str, **options: Any) -> Report:
        self.asked.append((name, options))
        rows = [{"pid": pid, "comm": "x" * 3000 if pid == 3 else f"task{pid}"} for pid in range(500)]
        finding = Finding(severity="critical", kind="hung-task", message="a task hangs", evidence=("pid 7",))
        notices = () if self.complete else (Notice(kind="excluded", message="a page is missing"),)
        tables = (
            Table(name="empty", rows=[]),
            Table(name="tasks", rows=rows),
            Table(name="odd", rows=rows[:2]),
        )
        return Report(
            report=name, tables=tables, findings=(finding,) * 30, warnings=notices, complete=self.complete,
            dump={"vmcore": "/vmcore"},
        )  # fmt: skip

    def run(self, line: str) -> CommandResult:
        self.ran.append(line)
        return CommandResult(command=line, raw=b"512a: 512a000\n", elapsed=0.0)

    def marked(self, answer: Any) -> Any:
        return answer


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def desk(fake: Fake) -> Desk:
    return Desk(fake.open)


def test_nothing_is_opened_before_it_is_needed(desk: Desk, fake: Fake) -> None:
    names = {row["name"] for row in desk.reports()["data"]}
    assert {"panic", "hang", "triage", "netstat"} <= names
    assert fake.opened == 0
    desk.overview()
    desk.findings()
    assert fake.opened == 1
    desk.close()
    assert fake.closed == 1


def test_the_overview_leads_on(desk: Desk) -> None:
    found = desk.overview()
    assert found["complete"] is True
    assert found["data"]["findings"][0] == {
        "severity": "critical",
        "kind": "hung-task",
        "message": "a task hangs",
    }
    assert {(call["tool"], call["arguments"].get("name")) for call in found["next"]} >= {
        ("findings", None),
        ("report", "panic"),
        ("report", "hang"),
    }
    assert "no instructions" in found["untrusted"]
    assert found["evidence"]["check"] == ["crash> log", "crash> bt", "crash> sys"]


def test_rows_come_in_pages(desk: Desk, fake: Fake) -> None:
    first = desk.report("stacks", limit=5)
    assert first["data"]["table"] == "tasks"  # the first that has rows
    assert [table["rows"] for table in first["data"]["tables"]] == [0, 500, 2]
    assert first["page"] == {"offset": 0, "rows": 5, "total": 500, "next_offset": 5}
    call = first["next"][0]
    assert call["tool"] == "report"
    second = desk.report(**call["arguments"], limit=5)
    assert [row["pid"] for row in second["data"]["rows"]] == [5, 6, 7, 8, 9]
    assert desk.report("stacks", offset=495)["page"]["next_offset"] is None
    assert desk.report("stacks", offset=9999)["data"]["rows"] == []
    assert len(fake.asked) == 1  # further pages are of the same report


def test_a_report_says_what_rules_find_in_it(desk: Desk) -> None:
    found = desk.report("hang", limit=1)["data"]
    assert len(found["findings"]) == 20
    assert found["findings"][0] == {
        "severity": "critical", "kind": "hung-task", "message": "a task hangs", "evidence": ["pid 7"],
        "advice": None, "sure": "likely",
    }  # fmt: skip


def test_rows_columns_order(desk: Desk) -> None:
    found = desk.report("stacks", where=["pid>=490"], sort=["-pid"], columns=["pid"], limit=2)
    assert found["data"]["rows"] == [{"pid": 499}, {"pid": 498}]
    assert found["page"]["total"] == 10


def test_long_texts_and_many_rows_are_bounded(desk: Desk) -> None:
    found = desk.report("stacks", limit=desks.MOST_ROWS)
    assert found["data"]["rows"][3]["comm"].endswith("… (3000 characters)")
    assert found["page"]["rows"] == desks.MOST_ROWS
    assert len(json.dumps(found)) < desks.MOST_CHARACTERS + 8000
    wide = desk.report("stacks", where=["pid=3"], limit=50)
    assert wide["page"]["rows"] == 1


def test_a_page_holds_one_row_at_least(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    monkeypatch.setattr(desks, "MOST_CHARACTERS", 10)
    assert desk.report("stacks", offset=3)["page"] == {
        "offset": 3,
        "rows": 1,
        "total": 500,
        "next_offset": 4,
    }


def test_what_is_incomplete_says_so(desk: Desk, fake: Fake) -> None:
    fake.complete = False
    found = desk.report("stacks")
    assert found["complete"] is False
    assert found["warnings"] == ["a page is missing"]


def test_options_become_what_the_report_takes(desk: Desk, fake: Fake) -> None:
    desk.report("skb", {"address": ["0xffff888003a54000"]})
    desk.report("netstat", {"state": "LISTEN", "all": True})
    assert fake.asked == [
        ("skb", {"address": (0xFFFF888003A54000,)}),
        ("netstat", {"state": ("LISTEN",), "all": True}),
    ]


@pytest.mark.parametrize(
    "line",
    ["ps | sh", "set 1", "gdb shell id", "rd -r x 0 1", "!id", "p panic()", "mod -S", "repeat ps", "exit"],
)
def test_only_commands_that_print_are_run(desk: Desk, fake: Fake, line: str) -> None:
    with pytest.raises(UsageError, match="only commands of crash that print"):
        desk.command(line)
    assert fake.opened == 0


def test_commands_are_typed_records(desk: Desk, fake: Fake) -> None:
    found = desk.command("ptob 512a")
    (record,) = found["data"]["records"]
    assert "0x512a000" in record.values()
    assert found["evidence"]["check"] == ["crash> ptob 512a"]
    allowed = Desk(fake.open, all_commands=True)
    fake.ran.clear()
    with pytest.raises(Exception, match=r".*"):
        allowed.command("set 1")
    assert fake.ran == ["set 1"]


@pytest.mark.parametrize(
    ("name", "address"),
    [("task_struct | sh", "0x10"), ("", "0x10"), ("a b c", "0x10"), ("task_struct", "many"), ("x;y", "0")],
)
def test_names_and_addresses_are_single_words(desk: Desk, fake: Fake, name: str, address: str) -> None:
    with pytest.raises(UsageError):
        desk.structure(name, address)
    assert fake.ran == []


@pytest.mark.parametrize(("address", "size"), [("0x10", 0), ("0x10", 4097), ("zz", 16)])
def test_memory_is_bounded(desk: Desk, address: str, size: int) -> None:
    with pytest.raises(UsageError):
        desk.memory(address, size)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "netsat"}, "no report 'netsat'; near: netstat"),
        ({"name": "stacks", "table": "nosuch"}, "no table 'nosuch'; it has empty, tasks, odd"),
        ({"name": "stacks", "columns": ["comn"]}, "no column 'comn'; near: comm"),
        ({"name": "stacks", "where": ["pid"]}, "a condition is COLUMN"),
        ({"name": "stacks", "offset": -1}, "offset is 0 or more"),
    ],
)
def test_what_there_isnt(desk: Desk, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        desk.report(**asked)


def test_a_real_report(recorded: Desk) -> None:
    found = recorded.report("netstat", {"all": True}, where=["state=LISTEN"], sort=["local_port"], limit=3)
    rows = found["data"]["rows"]
    assert [row["state"] for row in rows] == ["LISTEN"] * 3
    assert all(row["address"].startswith("0xffff") for row in rows)
    assert found["page"]["total"] > 3
    json.dumps(found)
