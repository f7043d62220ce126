"""No reader of what leaves the program finds an integer that it can't keep."""

from __future__ import annotations

import csv
import importlib
import io
import json
import pkgutil
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crashdrive
from crashdrive.integers import EXACT, exact, exact_but_numbers, exact_schema
from crashdrive.kernel.memory.bulk import Hole
from crashdrive.kernel.symbols.lookup import Symbol
from crashdrive.parsers import parse
from crashdrive.parsers._catalog import schema, type_text
from crashdrive.parsers.grammar.values import Enumerators, Pointer
from crashdrive.records import Address, Bits, Long, Record, Report, Table, to_builtins
from crashdrive.render import Output, render

ADDRESS = 0xFFFF888003A54000
TEXT = "0xffff888003a54000"


class Inner(Record, frozen=True):
    address: Address


class Outer(Record, frozen=True, rename={"async_": "async"}):
    pid: int
    task: Address
    mm: Address | None = None
    pages: tuple[Address, ...] = ()
    registers: dict[str, Bits] | None = None
    expires: Long = 0
    bytes: int = 0
    async_: int = 0
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    value: Any = None


OUTER = Outer(
    pid=1,
    task=ADDRESS,
    mm=0,
    pages=(ADDRESS, 16),
    registers={"rax": 1},
    expires=2**53,
    bytes=EXACT,
    inner=Inner(address=7),
    several=(Inner(address=ADDRESS),),
    value={"next": Pointer(address=ADDRESS), "bits": [2**64 - 1, 3], "seen": {2**60}},
)


def out(value: Any, form: str) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    render(value, form, Output(stream))
    stream.flush()
    return raw.getvalue().decode()


def read_as_javascript(text: str) -> Any:
    """JSON as readers with double precision have it; fails where one of its integers would be rounded."""

    def integer(digits: str) -> float:
        assert abs(int(digits)) <= EXACT, digits
        return float(digits)

    return json.loads(text, parse_int=integer)


def test_every_field_goes_out_by_its_type() -> None:
    row = read_as_javascript(out(OUTER, "json"))[0]
    assert row == {
        "pid": 1,
        "task": TEXT,
        "mm": "0x0",
        "pages": [TEXT, "0x10"],
        "registers": {"rax": "0x1"},
        "expires": "0x20000000000000",
        "bytes": EXACT,
        "async": 0,
        "inner": {"address": "0x7"},
        "several": [{"address": TEXT}],
        "value": {
            "next": {
                "$": "pointer", "address": TEXT, "symbol": None, "offset": None, "string": None,
                "type": None, "error": None,
            },
            "bits": ["0xffffffffffffffff", 3],
            "seen": ["0x1000000000000000"],
        },
    }  # fmt: skip
    assert list(row) == [field.encode_name for field in msgspec.structs.fields(Outer)]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
@pytest.mark.parametrize("field", ["task", "pid", "expires", "bytes"])
@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64 - 1, 2**64, -(2**100)])
def test_no_format_has_a_number_beyond_53_bits(form: str, field: str, number: int) -> None:
    row = msgspec.structs.replace(OUTER, **{field: number})
    text = out(Report(report="r", tables=(Table(name="t", rows=[OUTER, row]),)), form)
    if form == "csv":
        assert list(csv.DictReader(io.StringIO(text)))[1][field] == hex(number)
        assert str(number) not in text
        return
    rows = [read_as_javascript(line) for line in text.splitlines()]
    row = rows[0]["tables"]["t"][1] if form == "json" else rows[1]
    assert row[field] == hex(number)


def test_csv_has_addresses_as_json_has_them() -> None:
    (row,) = csv.DictReader(io.StringIO(out([OUTER], "csv")))
    assert (row["task"], row["mm"], row["pid"], row["bytes"]) == (TEXT, "0x0", "1", str(EXACT))
    assert json.loads(row["pages"]) == [TEXT, "0x10"]
    assert json.loads(row["several"]) == [{"address": TEXT}]


def test_rows_without_types() -> None:
    @dataclass
    class Point:
        x: int

    assert read_as_javascript(out([{"address": ADDRESS, "pid": 1}], "json")) == [{"address": TEXT, "pid": 1}]
    assert read_as_javascript(out([Point(2**53), Point(1)], "json")) == [{"x": hex(2**53)}, {"x": 1}]
    assert read_as_javascript(out([{"p": Point(2**60)}], "json")) == [{"p": {"x": hex(2**60)}}]


def test_repr_and_print_are_hexadecimal() -> None:
    assert repr(Inner(address=ADDRESS)) == f"Inner(address={TEXT})" == str(Inner(address=ADDRESS))
    text = repr(OUTER)
    assert text.startswith(
        f"Outer(pid=1, task={TEXT}, mm=0x0, pages=({TEXT}, 0x10), registers={{'rax': 0x1}}"
    )
    assert f"several=(Inner(address={TEXT}),)" in text
    assert f"bytes={EXACT}," in text
    assert repr(Symbol(address=ADDRESS, name="x", kind="t")).startswith(f"Symbol(address={TEXT}, name='x'")
    assert repr(Hole(address=ADDRESS, size=4096, reason="excluded")).startswith(
        f"Hole(address={TEXT}, size=4096"
    )


def test_python_keeps_integers() -> None:
    (record,) = parse(
        "ptov 56e000", "VIRTUAL           PHYSICAL        \nffff88800056e000  56e000          \n"
    )
    assert record.virtual == 0xFFFF88800056E000
    assert to_builtins(record) == {"virtual": "0xffff88800056e000", "physical": "0x56e000"}
    assert Report(report="r", tables=(Table(name="t", rows=[record]),)).builtins()["tables"]["t"] == (
        [to_builtins(record)]
    )


def test_the_schema_says_what_goes_out() -> None:
    properties = schema("ptov")["$defs"]["VirtualAddress"]["properties"]
    assert properties["physical"] == {"type": "string", "format": "address", "pattern": "^-?0x[0-9a-f]+$"}
    assert {"type": "null"} in properties["virtual"]["anyOf"]
    bits = schema("eval")["$defs"]["Evaluation"]["properties"]
    assert bits["value"]["type"] == ["integer", "string"]
    assert bits["width"] == {"type": "integer"}
    rest = exact_schema(msgspec.json.schema(Enumerators))["$defs"]["Enumerators"]["properties"]["rest"]
    assert (rest["type"], rest["default"]) == ("string", "0x0")
    assert type_text(dict[str, Address] | None) == "dict[str, address] | None"


def test_types_that_only_a_checker_sees() -> None:
    kind = msgspec.defstruct("Odd", [("a", "NoSuchType")])
    assert to_builtins(kind(a=2**60)) == {"a": hex(2**60)}
    assert out([kind(a=1)], "table") == "A\n1\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(tuple, st.lists(inner)),
    )
)
def test_other_values_stay_as_they_are(value: Any) -> None:
    def back(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: back(item) for key, item in found.items()}
        if isinstance(found, (list, tuple)):
            return [back(item) for item in found]
        return hex(found) if isinstance(found, int) and abs(found) > EXACT else found

    assert back(exact(value)) == back(value) == back(exact_but_numbers(value))


def test_a_schema_of_anything_else_stays() -> None:
    plain = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "string"}]}}}
    assert exact_schema(plain) == plain


def records(root: Any) -> list[Any]:
    """Every record of the package, those that tests of other modules define left out."""
    found, waiting = [], [root]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found += [kind] if kind.__module__.startswith("crashdrive.") else []
    return found


def test_no_address_is_a_plain_integer() -> None:
    for module in pkgutil.walk_packages(crashdrive.__path__, "crashdrive."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    named = re.compile(r"address|\w+_address|task|mm|sp|base")
    wrong = [
        f"{kind.__module__}.{kind.__name__}.{field.name}"
        for kind in records(Record)
        for field in msgspec.structs.fields(kind)
        if named.fullmatch(field.name) and field.type in (int, int | None)
    ]
    assert wrong == []
