"""Rows and columns that a reader wants of a report."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.errors import UsageError
from crashdrive.records import Address, Record, Report, Table
from crashdrive.render.choice import Choice, chosen, condition


class Socket(Record, frozen=True):
    proto: str
    port: int | None
    address: Address
    owners: tuple[str, ...] = ()
    bound: bool = False


SOCKETS = (
    Socket(proto="tcp", port=22, address=0xFFFF888003A54000, owners=("sshd", "bash"), bound=True),
    Socket(proto="udp", port=53, address=0xFFFF888003A54800),
    Socket(proto="tcp", port=None, address=0xFFFF888003A54900),
    Socket(proto="tcp6", port=22, address=0xFFFF888003A54A00, owners=("sshd",)),
)
REPORT = Report(
    report="netstat",
    tables=(
        Table(name="sockets", rows=SOCKETS, columns=("proto", "port")),
        Table(name="counters", rows=[{"name": "InSegs", "value": 7}, {"name": "Out", "value": 1.5}]),
    ),
)


def rows(choice: Choice, *, narrow: bool = False) -> dict[str, list[Any]]:
    report, _ = chosen(REPORT, choice, narrow=narrow)
    return {table.name: list(table.rows) for table in report.tables}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("proto=tcp", [0, 2]),
        ("proto!=tcp", [1, 3]),
        ("proto~^tcp", [0, 2, 3]),
        ("proto!~tcp", [1]),
        ("port=22", [0, 3]),
        ("port=0x16", [0, 3]),
        ("port>22", [1]),
        ("port>=22", [0, 1, 3]),
        ("port<53", [0, 3]),
        ("port<=53", [0, 1, 3]),
        ("port=", [2]),
        ("port!=", [0, 1, 3]),
        ("address=0xffff888003a54800", [1]),
        ("address>0xffff888003a54800", [2, 3]),
        ("owners=bash", [0]),
        ("owners!=bash", [1, 2, 3]),
        ("owners~^s", [0, 3]),
        ("owners=", [1, 2]),
        ("bound=yes", [0]),
        ("bound=false", [1, 2, 3]),
        (" port = 53 ", []),
        ("port = 53", [1]),
    ],
)
def test_conditions(text: str, kept: list[int]) -> None:
    assert rows(Choice(where=(text,)))["sockets"] == [SOCKETS[at] for at in kept]


def test_all_of_several_conditions_hold() -> None:
    assert rows(Choice(where=("proto~tcp", "port=22", "bound=no"))) == {"sockets": [SOCKETS[3]]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state", "a condition is COLUMN, one of = != < <= > >= ~ !~, and a value: state=LISTEN"),
        ("=3", "a condition is COLUMN"),
        ("port>many", "> compares numbers; 'many' is none"),
        ("proto~(", "is no regular expression"),
    ],
)
def test_what_is_no_condition(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        condition(text)


@pytest.mark.parametrize(
    "choice",
    [Choice(columns=("prot",)), Choice(where=("prot=tcp",)), Choice(sort=("prot",)), Choice(sort=("-prot",))],
)
def test_a_column_that_no_table_has(choice: Choice) -> None:
    with pytest.raises(UsageError, match="no column 'prot'; near: proto"):
        chosen(REPORT, choice)


def test_without_rows_nothing_tells_which_columns_there_are() -> None:
    empty = Report(report="netstat", tables=(Table(name="sockets", rows=()),))
    assert chosen(empty, Choice(where=("proto=tcp",), sort=("x",), columns=("y",)))[1] == []


def test_order() -> None:
    assert rows(Choice(sort=("port", "proto")))["sockets"] == [SOCKETS[at] for at in (0, 3, 1, 2)]
    assert rows(Choice(sort=("-port",)))["sockets"] == [SOCKETS[at] for at in (1, 0, 3, 2)]
    assert [row["value"] for row in rows(Choice(sort=("value",)))["counters"]] == [1.5, 7]


def test_a_limit_says_what_it_left_out() -> None:
    report, cut = chosen(REPORT, Choice(limit=3))
    assert [len(table.rows) for table in report.tables] == [3, 2]
    assert cut == ["netstat: sockets: 1 more row (--limit)"]
    assert chosen(REPORT, Choice(limit=0))[1][1] == "netstat: counters: 2 more rows (--limit)"


def test_columns_for_people_and_for_programs() -> None:
    report, _ = chosen(REPORT, Choice(columns=("address", "port")), narrow=False)
    (table,) = report.tables
    assert (table.columns, tuple(table.rows)) == (("address", "port"), SOCKETS)
    assert rows(Choice(columns=("address", "port")), narrow=True)["sockets"][:3] == [
        {"address": "0xffff888003a54000", "port": 22},
        {"address": "0xffff888003a54800", "port": 53},
        {"address": "0xffff888003a54900", "port": None},
    ]


def test_nothing_wanted_is_all() -> None:
    report, cut = chosen(REPORT, Choice())
    assert [list(table.rows) for table in report.tables] == [list(table.rows) for table in REPORT.tables]
    assert cut == []
