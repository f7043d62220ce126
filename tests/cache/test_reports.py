"""Reports that are kept: exactly what they were, or not kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crashdrive.cache.reports import kept_or_made
from crashdrive.cache.sessions import KeptSessions
from crashdrive.cache.store import Store
from crashdrive.dump.contents import current_mark
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.records import Finding, Flame, Notice, Record, Report, Table

SOCKET = Socket(
    proto="tcp", family="inet", netns="init", local_address="::1", local_port=1, remote_address=None,
    remote_port=None, state="LISTEN", recv_q=0, send_q=0, inode=7, uid=0, pid=None, program=None,
    address=0xFFFF888003A54000, type=None, protocol_number=6, interface=None, timer=None, timer_left=0.5,
    retransmits=None, probes=None, drops=None, references=None,
)  # fmt: skip


class Foreign(Record, frozen=True):
    """A record that no module of crashdrive has."""

    name: str


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptSessions:
    monkeypatch.setattr("crashdrive.cache.files.SETTLED_NS", -1)
    dump = tmp_path / "dump"
    dump.write_bytes(bytes(100))
    store = Store(tmp_path / "cache")
    found = KeptSessions.of(store, [(str(dump), str(current_mark(dump)))], [])
    assert found is not None
    return found


def asked(shelf: KeptSessions | None, report: Report, **options: Any) -> tuple[Report, int]:
    """The report as it is given the second time, and how often it was made."""
    made = []

    def make() -> Report:
        made.append(report)
        return report

    for _ in range(2):
        found = kept_or_made(lambda: shelf, report.report, options, make)
    return found, len(made)


def table(rows: Any) -> Report:
    return Report(report="netstat", tables=(Table(name="rows", rows=rows),))


@pytest.mark.parametrize(
    "rows",
    [
        [SOCKET, SOCKET],
        (SOCKET,),
        [{"a": 1, "b": None, "c": "text", "d": 1.5, "e": (1 << 64) - 1}],
        [],
        (),
    ],
)
def test_a_report_comes_back_as_it_was(shelf: KeptSessions, rows: Any) -> None:
    report = Report(
        report="netstat",
        tables=(Table(name="rows", rows=rows, columns=("a",), title="t"), Table(name="none", rows=())),
        complete=False,
        warnings=(Notice(kind="excluded", message="a page"),),
        findings=(Finding(severity="info", kind="k", message="m", evidence=("1", "2")),),
        pictures=(Flame(title="f", stacks=((("a", "b"), 2),)),),
    )
    found, made = asked(shelf, report, all=True)
    assert (found.source, made) == ("store", 1)
    assert found.document() == report.document() | {"source": "store"}
    assert [type(one.rows) for one in found.tables] == [type(one.rows) for one in report.tables]
    assert found.pictures == report.pictures


@pytest.mark.parametrize(
    "report",
    [
        table([Foreign(name="x")]),
        table([{"a": (1, 2)}]),
        table([{"a": 1 << 70}]),
        table([SOCKET, {"a": 1}]),
        table([{"a": object()}]),
        Report(report="netstat", tables=(), warnings=(Notice(kind="failed", message="late"),)),
        Report(report="netstat", tables=(), dump={"vmcore": "/x"}),
    ],
)
def test_what_would_not_is_made_each_time(shelf: KeptSessions, report: Report) -> None:
    assert asked(shelf, report) == (report, 2)


def test_without_a_place_it_is_made_each_time() -> None:
    assert asked(None, table([])) == (table([]), 2)


def test_other_options_are_another_question(shelf: KeptSessions) -> None:
    asked(shelf, table([]), all=True)
    assert asked(shelf, table([]), all=False)[1] == 1
    assert asked(shelf, table([]), odd=object())[1] == 2


def test_other_owners_are_another_question(
    shelf: KeptSessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(shelf, table([]))
    owners = tmp_path / "owners"
    owners.write_text("kernel = me\n")
    monkeypatch.setenv("CRASHDRIVE_OWNERS", str(owners))
    assert asked(shelf, table([]))[1] == 1
    assert asked(shelf, table([]))[1] == 0


def test_debug_data_of_a_module_that_came_is_another_question(shelf: KeptSessions) -> None:
    asked(shelf, table([]))
    Path(shelf.paths[0]).with_name("ext4.ko").touch()
    assert asked(shelf, table([]))[1] == 1
    assert asked(shelf, table([]))[1] == 0


def test_a_name_out_of_the_store_names_no_class_but_ours() -> None:
    from crashdrive.cache.reports import _class

    assert _class("crashdrive.linux.net.sockets.rows:Socket") is Socket
    for name in ("os:system", "crashdrive.records:to_builtins", "crashdrive.records:Record.__init__", "x"):
        with pytest.raises((ValueError, TypeError)):
            _class(name)
