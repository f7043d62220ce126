"""Every format says the same, and nothing out of a dump acts on a terminal."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from crashdrive.records import Address, Answer, Finding, Notice, Record, Report, Table
from crashdrive.render import FORMATS, Output, render
from crashdrive.render.cells import format_column, is_numeric

HOSTILE = 'x\x1b[2J\x07\x9b1m\u202e[red]"\n\r\tend'


class Row(Record, frozen=True):
    comm: str
    pid: int | None = None
    address: Address = 0
    alive: bool = True
    names: tuple[str, ...] = ()


class Route(Record, frozen=True):
    table: int
    destination: str


def out(value: Any, form: str, *, width: int | None = None, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    render(value, form, Output(stream, width=width))
    stream.flush()
    return raw.getvalue().decode(encoding)


def report(*tables: Table, **more: Any) -> Report:
    return Report(report="sockets", tables=tables, **more)


def test_a_table_is_aligned_and_never_cut_in_a_pipe() -> None:
    rows = [Row(comm="a" * 300, pid=7), Row(comm="b", address=0xFFFF888003A54000)]
    lines = out(rows, "table").splitlines()
    assert lines[0].split() == ["COMM", "PID", "ADDRESS", "ALIVE"]
    assert lines[1].split() == ["a" * 300, "7", "0", "yes"]
    assert lines[2].split() == ["b", "ffff888003a54000", "yes"]
    assert lines[0].index("PID") + 3 == lines[1].index(" 7") + 2


def test_json_of_a_report_has_its_fixed_shape() -> None:
    found = Finding(severity="warning", kind="full", message="queue full", evidence=("a", "b"))
    value = report(
        Table(name="tcp", rows=[Row(comm="a")]),
        dump={"path": "vmcore"},
        complete=False,
        warnings=(Notice(kind="excluded", message="a page"),),
        findings=(found,),
    )
    document = json.loads(out(value, "json"))
    assert list(document) == ["report", "dump", "complete", "warnings", "tables", "findings"]
    assert document["tables"] == {
        "tcp": [{"comm": "a", "pid": None, "address": "0x0", "alive": True, "names": []}]
    }
    assert document["findings"][0]["severity"] == "warning"
    assert document["complete"] is False


def test_a_finding_shows_its_evidence_and_its_advice() -> None:
    found = Finding(
        severity="warning", kind="full", message="queue full", evidence=("a", "b"), explanation="No room.",
        advice="Look at who should accept, " * 4,
    )  # fmt: skip
    lines = out(report(findings=(found, found)), "table", width=80).splitlines()
    assert lines[:3] == lines[3:6]  # what is to be done is told once
    del lines[:3]
    assert lines[:3] == ["warning: queue full", "    a", "    b"]
    assert lines[3].startswith("    advice: Look at who")
    assert lines[4].startswith(" " * 12 + "should")
    assert max(map(len, lines)) <= 80


def test_long_fields_wrap_on_a_terminal_alone() -> None:
    path = "/sys/" + "x" * 60
    table = Table(
        name="rule", rows=[{"rule": "high-load", "advice": "look here " * 6 + path}], layout="fields"
    )
    assert out(report(table), "table", width=40).splitlines() == [
        "rule:   high-load",
        "advice: look here look here look here",
        "        look here look here look here",
        f"        {path}",
    ]
    assert out(report(table), "table").splitlines()[1] == "advice: " + "look here " * 6 + path


def test_json_of_an_answer_and_of_rows() -> None:
    answer = Answer(command="ps", shape="tasks", complete=True, warnings=(), records=(Row(comm="a"),))
    assert list(json.loads(out(answer, "json"))) == ["command", "shape", "complete", "warnings", "records"]
    assert json.loads(out([Row(comm="a")], "json"))[0]["comm"] == "a"


def test_json_lines_name_their_table() -> None:
    value = report(
        Table(name="tcp", rows=[Row(comm='},"\n{"table":"x"')] * 2),
        Table(name="odd", rows=[{}, {"a": ",}"}]),
        findings=(Finding(severity="info", kind="k", message="m"),),
    )
    lines = [json.loads(line) for line in out(value, "jsonl").splitlines()]
    assert [line["table"] for line in lines] == ["tcp", "tcp", "odd", "odd", "findings"]
    assert lines[0]["comm"] == '},"\n{"table":"x"'
    assert lines[3]["a"] == ",}"


def test_a_row_keeps_its_own_field_named_table() -> None:
    line = json.loads(out(report(Table(name="routes", rows=[Route(table=254, destination="::")])), "jsonl"))
    assert line == {"report_table": "routes", "table": 254, "destination": "::"}


WHOSE = {"vmcore": "/var/crash/vmcore", "id": "6c01ac9ca8f3c753", "host": "web1"}


def test_each_row_says_whose_dump_it_is() -> None:
    tables = Table(name="a", rows=[{"x": 1}]), Table(name="b", rows=[{"host": "h"}])
    value = msgspec.structs.replace(report(*tables), dump=WHOSE)
    lines = [json.loads(line) for line in out(value, "jsonl").splitlines()]
    assert lines == [
        {"table": "a", "dump": "6c01ac9ca8f3c753", "host": "web1", "x": 1},
        {"table": "b", "dump": "6c01ac9ca8f3c753", "report_host": "web1", "host": "h"},
    ]
    one = msgspec.structs.replace(report(tables[0]), dump={"vmcore": "/var/crash/vmcore"})
    assert out(one, "csv") == "dump,host,x\n/var/crash/vmcore,,1\n"
    first, second = out(value, "csv").split("\n\n")
    assert first == "table,dump,host,x\na,6c01ac9ca8f3c753,web1,1"
    assert second == "table,dump,report_host,host\nb,6c01ac9ca8f3c753,web1,h\n"


def test_csv_of_one_table_and_of_several() -> None:
    one = report(Table(name="tcp", rows=[Row(comm='a,"b', names=("x", "y"))], columns=("pid",)))
    assert list(csv.reader(io.StringIO(out(one, "csv")))) == [
        ["pid", "comm", "address", "alive", "names"],
        ["", 'a,"b', "0x0", "true", '["x","y"]'],
    ]
    two = report(Table(name="a", rows=[{"x": 1}]), Table(name="b", rows=[{"y": 2}]))
    assert out(two, "csv") == "table,x\na,1\n\ntable,y\nb,2\n"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize("layout", ["rows", "fields", "lines", "blocks"])
def test_hostile_text_stays_text_on_a_terminal(form: str, count: int, layout: Any) -> None:
    value = report(
        Table(name=HOSTILE, rows=[Row(comm=HOSTILE, names=(HOSTILE,))] * count, layout=layout, title=HOSTILE),
        findings=(
            Finding(severity="critical", kind="k", message=HOSTILE, evidence=(HOSTILE,), advice=HOSTILE),
        ),
    )
    text = out(value, form, width=80)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.count("[red]") >= 2 * count or layout == "rows"  # shown, not taken as markup


@pytest.mark.parametrize("form", ["table", "json", "jsonl"])
def test_hostile_text_is_one_line_per_row_in_a_pipe_too(form: str) -> None:
    text = out([Row(comm=HOSTILE)], form)
    assert all(character.isprintable() or character == "\n" for character in text)


def test_csv_and_json_lose_nothing_in_a_pipe() -> None:
    (_, row) = csv.reader(io.StringIO(out([Row(comm=HOSTILE)], "csv"), newline=""))
    assert row[0] == HOSTILE
    assert json.loads(out([Row(comm=HOSTILE)], "json"))[0]["comm"] == HOSTILE


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text() | st.integers(-(2**53) + 1, 2**53 - 1))
    )
)
def test_json_lines_give_the_rows_back(rows: list[dict[str, Any]]) -> None:
    assert [json.loads(line) for line in out(rows, "jsonl").split("\n")[:-1]] == rows


@given(st.lists(st.text(), min_size=1), st.integers(20, 200), st.sampled_from([1, 201]))
def test_a_terminal_is_never_overflown(comms: list[str], width: int, times: int) -> None:
    text = out([Row(comm=comm, pid=1) for comm in comms * times], "table", width=width)
    assert max(map(cell_len, text.splitlines()[:-1])) <= width


def test_a_column_without_any_value_is_none_of_numbers() -> None:
    rows = [{"absent": None, "pid": 1}] * 2
    value = report(Table(name="a", rows=rows, columns=("absent", "pid")))
    assert out(value, "table", width=80).splitlines()[0].startswith("ABSENT  PID")
    assert [is_numeric(column) for column in ([], [None], [None, 1], [1.5], [True], [None, "1"])] == [
        False, False, True, True, False, False
    ]  # fmt: skip


def test_what_a_narrow_terminal_leaves_out_is_told() -> None:
    rows = [{f"number_{i}": 10**9 for i in range(20)}] * 300
    text = out(rows, "table", width=80)
    told = text[text.index("(too narrow for: number_6,") :]
    assert all(f"number_{i}" in told for i in range(6, 20))
    assert told.endswith("has all)\n")
    assert max(map(len, text.splitlines())) <= 80
    assert "1000000000" in text  # numbers are never cut


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows(form: str) -> None:
    out([], form)
    assert out(report(Table(name="tcp", rows=[], columns=("pid", "comm"))), "table") == "PID  COMM\n(none)\n"
    lines = Table(name="ways", rows=[], columns=("pid",), layout="lines")
    assert out(report(lines), "table") == "(none)\n"


def test_blocks() -> None:
    rows = [
        {"count": 2, "state": None, "comms": ("init", "a b"), "stack": ("one", "two")},
        {"count": 1, "state": "UN", "comms": ("x" * 30,), "stack": ()},
    ]
    value = report(Table(name="groups", rows=rows, layout="blocks"))
    assert out(value, "table") == (
        "count: 2  comms: init, a b\n    one\n    two\n\n" + f"count: 1  state: UN  comms: {'x' * 30}\n"
    )
    narrow = out(value, "table", width=40).splitlines()
    assert narrow[-2:] == ["count: 1  state: UN  comms:", f"  {'x' * 30}"]
    assert out(report(Table(name="groups", rows=[], layout="blocks")), "table") == "(none)\n"


def test_undecodable_file_names_and_small_encodings() -> None:
    row = {"path": "vmcore\udcff", "comm": "é"}
    assert json.loads(out([row], "json")) == [{"path": "vmcore\\xff", "comm": "é"}]
    assert json.loads(out([row], "jsonl"))["path"] == "vmcore\\xff"
    assert "vmcore\\xff" in out([row], "csv")
    assert "\\xe9" in out([row], "table", encoding="ascii")


def test_what_a_script_may_return() -> None:
    @dataclass
    class Point:
        x: int

    class Pair(NamedTuple):
        a: int
        b: str

    assert json.loads(out([Point(1)], "json")) == [{"x": 1}]
    assert json.loads(out([Pair(1, "z")], "json")) == [{"a": 1, "b": "z"}]
    assert json.loads(out(("text", 2), "json")) == [{"value": "text"}, {"value": 2}]
    assert json.loads(out((Row(comm=c) for c in "ab"), "json"))[1]["comm"] == "b"
    assert json.loads(out({"t": [Row(comm="a")], "u": ()}, "json"))["tables"]["u"] == []
    assert json.loads(out({"cpus": 2}, "json")) == [{"cpus": 2}]


def test_a_block_of_fields_leaves_out_what_is_absent() -> None:
    value = report(Table(name="dump", rows=[Row(comm="a", address=255)], layout="fields"))
    assert out(value, "table") == "comm:    a\naddress: ff\nalive:   yes\n"


def test_a_single_record_with_many_fields_is_a_block() -> None:
    text = out([{f"name_{i}": i for i in range(12)}], "table")
    assert text.splitlines()[2] == "name_2:  2"


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ((0.5, 12.0, None), ["0.5", "12.0", ""]),
        ((1.0, 2.0), ["1", "2"]),
        ((1e-6, 0.0), ["0.000001", "0.000000"]),
    ],
)
def test_the_points_of_floats_stand_below_each_other(
    values: tuple[float | None, ...], cells: list[str]
) -> None:
    assert format_column(values) == cells


def test_counts_by_number_are_shown() -> None:
    """As of CPUs: keys that are no text."""
    assert format_column([{0: 5, 1: 0}, {}]) == ["0=5 1=0", ""]


def test_mixed_rows_share_a_table() -> None:
    lines = out([Row(comm="a"), Route(table=1, destination="d")], "table").splitlines()
    assert lines[0].split() == ["COMM", "ADDRESS", "ALIVE", "TABLE", "DESTINATION"]
