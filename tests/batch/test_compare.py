"""Two dumps compared: what is unlike is told, what both have is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crashdrive.batch.compare import compared
from crashdrive.batch.jobs import Job, Result
from crashdrive.batch.worker import done
from crashdrive.cli import main
from tests.batch.fakes import found, result, verdict
from tests.batch.recorded import TRIAGED, session_file
from tests.dump.test_find import ID, vmcore, vmlinux


def report(rows: list[dict[str, Any]], table: str, **more: Any) -> dict[str, Any]:
    return {"complete": True, "tables": {table: rows}, **more}


def one(function: str, value: str, modules: list[str], **more: Any) -> Result:
    frames = [{"function": name, "sure": True} for name in (function, "vfs_write", "do_syscall_64")]
    reports = {
        "panic": {"complete": True, "tables": {"verdict": [verdict(function)], "backtrace": frames}},
        "sysctl": report([{"netns": None, "name": "vm.swappiness", "value": value}], "settings"),
        "modules": report([{"name": name, "size": 9, "state": "Live"} for name in modules], "modules"),
        "snmp": report(
            [{"netns": "init", "group": "Tcp", "name": "InSegs", "value": int(value)}], "counters"
        ),
        "memory": report(
            [{"item": "MemFree", "amount_bytes": int(value)}, {"item": "Same", "amount_bytes": 1}], "amounts"
        ),
    }
    return result(found(1), reports=reports, **more)


def rows(name: str, *results: Result) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if value not in (None, "")}
        for row in compared(*results).table(name).rows
    ]


def test_what_is_unlike() -> None:
    both = one("f", "10", ["nfs", "ext4"]), one("g", "60", ["nfs", "zfs"])
    assert {"name": "function", "first": "f", "second": "g"} in rows("verdict", *both)
    assert rows("settings", *both) == [
        {"name": "vm.swappiness", "first": "10", "second": "60", "column": "value"}
    ]
    assert rows("counters", *both) == [
        {"name": "init Tcp InSegs", "first": 10, "second": 60, "change": 50, "column": "value"}
    ]
    assert rows("modules", *both) == [
        {"name": "ext4", "first": "there", "second": "absent"},
        {"name": "zfs", "first": "absent", "second": "there"},
    ]
    assert [(row["of"], row["function"]) for row in rows("stack", *both)] == [
        ("first", "f"), ("second", "g"), ("both", "vfs_write"), ("both", "do_syscall_64"),
    ]  # fmt: skip
    assert rows("memory", *both) == [
        {"name": "MemFree", "first": 10, "second": 60, "change": 50, "column": "amount_bytes"}
    ]


def setting(netns: str | None, name: str) -> dict[str, Any]:
    return {"netns": netns, "name": name, "value": "1"}


def test_what_one_lacks_altogether_is_one_row() -> None:
    """A namespace, an interface: not each of their settings."""
    eth0 = [setting("init", f"net.ipv4.conf.eth0.{name}") for name in ("forwarding", "mtu")]
    blue = [setting("blue", f"net.ipv4.conf.lo.{name}") for name in ("forwarding", "mtu", "tag")]
    same = [setting("init", "net.ipv4.conf.lo.mtu"), setting(None, "vm.swappiness")]
    new = [setting("init", "net.ipv4.conf.lo.tag")]
    left, right = (
        result(found(1), reports={"sysctl": report(found_rows, "settings")})
        for found_rows in (same + eth0, same + blue + new)
    )
    assert rows("settings", left, right) == [
        {"name": "init net.ipv4.conf.eth0.*", "first": "there (2)", "second": "absent"},
        {"name": "blue *", "first": "absent", "second": "there (3)"},
        {"name": "init net.ipv4.conf.lo.tag", "first": "absent", "second": "there"},
    ]


def test_rows_that_lists_tell_apart() -> None:
    """Memory that several protocols share is named by all of them."""
    left, right = (
        result(
            found(1),
            reports={
                "netsummary": report([{"protocols": ["TCP", "TCPv6"], "allocated": count}], "memory"),
                "sockstat": report([{"netns": "init", "used": count}], "usage"),
            },
        )
        for count in (1, 5)
    )
    row = {"first": 1, "second": 5, "change": 4}
    assert rows("socket_memory", left, right) == [{**row, "name": "TCP, TCPv6", "column": "allocated"}]
    assert rows("sockstat_usage", left, right) == [{**row, "name": "init", "column": "used"}]


def test_tables_that_are_empty_in_one_are_compared() -> None:
    """In whichever of both."""
    full, empty = (
        result(found(1), reports={"sockstat": report(found_rows, "fragments")})
        for found_rows in ([{"netns": "init", "family": "inet", "queues": 3}], [])
    )
    row = {"name": "init *"}
    assert rows("sockstat_fragments", full, empty) == [{**row, "first": "there", "second": "absent"}]
    assert rows("sockstat_fragments", empty, full) == [{**row, "first": "absent", "second": "there"}]


def test_what_a_report_would_tell_that_failed_is_not_absent() -> None:
    both = one("f", "1", ["nfs"]), one("g", "2", ["nfs"])
    del both[1].reports["modules"]
    assert [notice.message for notice in compared(*both).warnings] == [
        "the second dump: report modules is not there"
    ]
    assert rows("modules", *both) == []
    both[1].failures["modules"] = "no"
    assert [notice.message for notice in compared(*both).warnings] == [
        "the second dump: report modules failed: no"
    ]
    assert rows("modules", *both) == []


def test_a_dump_is_like_itself() -> None:
    same = one("f", "10", ["nfs"])
    for table in compared(same, same).tables:
        assert table.name == "stack" or not table.rows


def test_a_hole_in_either_marks_the_answer() -> None:
    hole = report([], "x", complete=False, warnings=[{"kind": "excluded", "message": "a page"}])
    holed = one("f", "1", [])
    holed.reports["files"] = hole
    found_report = compared(one("f", "1", []), holed)
    assert not found_report.complete
    assert [notice.message for notice in found_report.warnings] == ["the second dump: a page"]
    failing = one("f", "1", [], failures={"hang": "no"})
    assert "report hang failed" in compared(failing, holed).warnings[0].message


def test_two_recorded_dumps() -> None:
    results = [done(Job(id=name, vmcore=name, replay=session_file(name))) for name in sorted(TRIAGED)]
    found_report = compared(*results)
    assert {"hung", "sysrq"} == {
        row[which]
        for row in found_report.table("verdict").rows
        if row["name"] == "kind"
        for which in ("first", "second")
    }
    assert found_report.table("findings").rows
    assert found_report.table("sockets").rows


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vmlinux").write_bytes(vmlinux(ID))
    for name in "ab":
        (tmp_path / name).write_bytes(vmcore(ID) + name.encode())
    by_name = {"a": one("f", "1", []), "b": one("g", "2", [])}
    monkeypatch.setattr("crashdrive.batch.child.run_job", lambda job, **_: by_name[Path(job.vmcore).name])
    words = [str(tmp_path / name) for name in "ab"]
    assert main(["diff", *words, "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["dump"]["first"].endswith("vmcore")
    assert document["tables"]["settings"][0]["second"] == "2"
    by_name["b"] = Result(id="b", vmcore=words[1], status="failed", reason="not done in 5 s", kind="deadline")
    assert main(["diff", *words]) == 4
    assert "not done in 5 s" in capfd.readouterr().err
    capfd.readouterr()
    for lacking in ([words[0], str(tmp_path / "none")], [str(tmp_path / "none"), words[0]]):
        assert main(["diff", *lacking]) == 3
        assert capfd.readouterr().err.endswith("none': no such file or folder\n")
    assert main(["diff", words[0], str(tmp_path / "vmlinux")]) == 3
    assert main(["diff", words[0]]) == 2
