"""Rows as tables of other libraries."""

from __future__ import annotations

import json
import sys

import pytest

from crashdrive.errors import UsageError
from crashdrive.frames import columns_of
from crashdrive.records import Address, Answer, Notice, Record, Table


class Inner(Record, frozen=True):
    name: str
    address: Address


class Row(Record, frozen=True):
    pid: int
    comm: str
    task: Address
    cpu: int | None = None
    load: float | None = None
    kernel: bool = False
    inner: tuple[Inner, ...] = ()
    async_: int = 0


ROWS = (
    Row(pid=1, comm="init", task=0xFFFF888003A54000, cpu=None, load=0.5),
    Row(pid=-2, comm="a\udcffb", task=1, cpu=3, kernel=True, inner=(Inner(name="x", address=2**64 - 1),)),
)
ANSWER = Answer(
    command="ps",
    shape="tasks",
    complete=False,
    warnings=(Notice(kind="partial", message="cut"),),
    records=ROWS,
)


def test_columns_have_kinds() -> None:
    kinds = {one.name: one.kind for one in columns_of(ROWS)}
    assert kinds == {
        "pid": "int", "comm": "text", "task": "uint", "cpu": "int", "load": "float", "kernel": "bool",
        "inner": "nested", "async_": "int",
    }  # fmt: skip
    alone = {one.name: one.kind for one in columns_of([Row(pid=1, comm="x", task=1)])}
    assert (alone["cpu"], alone["load"]) == ("int", "float")
    assert columns_of([]) == []
    assert [one.values for one in columns_of([{"a": 1}, {"b": None}, 5])] == [
        [1, None, None],
        [None] * 3,
        [None, None, 5],
    ]
    assert columns_of([{"n": -1}, {"n": 2**64 - 1}])[0].kind == "nested"


def test_pandas() -> None:
    pytest.importorskip("pandas")
    frame = ANSWER.to_pandas()
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "pid": "Int64", "comm": "string", "task": "UInt64", "cpu": "Int64", "load": "Float64",
        "kernel": "boolean", "inner": "object", "async_": "Int64",
    }  # fmt: skip
    assert frame["task"][0] == 0xFFFF888003A54000
    assert frame["cpu"].isna().tolist() == [True, False]
    assert frame["comm"][1] == "a\\xffb"
    assert frame["inner"][1] == [{"name": "x", "address": 2**64 - 1}]
    assert frame.attrs == {"command": "ps", "complete": False, "warnings": ["cut"]}


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = ANSWER.to_polars()
    assert frame.schema["task"] == polars.UInt64
    assert frame["task"].to_list() == [0xFFFF888003A54000, 1]
    assert frame["cpu"].to_list() == [None, 3]
    mixed = Table(name="mixed", rows=[{"x": [1]}, {"x": {"a": "b"}}]).to_polars()
    assert mixed["x"].to_list() == ["[1]", '{"a": "b"}']
    members = Table(name="mixed", rows=[{"x": {"a": 1}}, {"x": {"b": 2}}]).to_polars()
    assert members["x"].to_list() == ['{"a": 1}', '{"b": 2}']
    digits = Table(name="mixed", rows=[{"x": [1]}, {"x": [2.5]}]).to_polars()
    assert [json.loads(one) if isinstance(one, str) else one for one in digits["x"]] == [[1], [2.5]]
    alike = Table(name="alike", rows=[{"x": {"a": 1}}, {"x": None}, {"x": {"a": 2}}]).to_polars()
    assert alike["x"].to_list() == [{"a": 1}, None, {"a": 2}]


def test_arrow() -> None:
    arrow = pytest.importorskip("pyarrow")
    table = ANSWER.to_arrow()
    assert table.schema.field("task").type == arrow.uint64()
    assert table.column("task").to_pylist() == [0xFFFF888003A54000, 1]
    assert table.schema.metadata[b"complete"] == b"false"
    mixed = Table(name="mixed", rows=[{"x": [1]}, {"x": {"a": "b"}}]).to_arrow()
    assert mixed.column("x").to_pylist() == ["[1]", '{"a": "b"}']


@pytest.mark.parametrize(
    ("name", "extra"), [("pandas", "pandas"), ("polars", "polars"), ("pyarrow", "arrow")]
)
def test_what_is_not_installed_is_told_with_its_cure(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    function = getattr(ANSWER, f"to_{extra}")
    with pytest.raises(UsageError, match=rf"{name} is not installed: pip install 'crashdrive\[{extra}\]'"):
        function()


def test_bars() -> None:
    table = Table(name="sockets", rows=[{"state": state} for state in ("A", None, "B", "A")])
    assert table.bars("state").bars == (("A", 2), ("(none)", 1), ("B", 1))
    with pytest.raises(UsageError, match="no column 'nosuch'; there are state"):
        table.bars("nosuch")
    assert ANSWER.bars("comm").title == "ps by comm"
    assert Table(name="none", rows=[]).bars("x").bars == ()
