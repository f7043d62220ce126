"""The catalogue of commands, shapes and records, against the parsers themselves."""

from __future__ import annotations

import json

import msgspec
import pytest

from crashdrive.errors import UsageError
from crashdrive.parsers import _catalog, command_names, parse


def test_every_command_and_shape_is_listed() -> None:
    rows = _catalog.listing()
    listed = {(row.command, row.shape) for row in rows}
    assert {command for command, _ in listed} == set(command_names())
    assert ("mod", "taints") in listed
    assert len({(row.command, row.shape, row.record) for row in rows}) == len(rows)


def test_a_union_gives_a_row_each() -> None:
    rows = [row for row in _catalog.listing() if (row.command, row.shape) == ("kmem", "info")]
    assert [row.record for row in rows] == ["MemoryUse", "ZoneUse"]


def test_fields_say_name_type_and_whether_they_must_be_there() -> None:
    row = next(row for row in _catalog.listing() if (row.command, row.shape) == ("mod", "modules"))
    fields = {field.name: (field.type, field.required) for field in row.fields}
    assert fields["size"] == ("int", True)
    assert fields["object_file"] == ("str | None", False)


@pytest.mark.parametrize("command", command_names())
def test_schema_is_json_and_names_each_shape(command: str) -> None:
    schema = json.loads(json.dumps(_catalog.schema(command)))
    shapes = [part["properties"]["shape"]["const"] for part in schema["anyOf"]]
    assert shapes == [shape.name for shape in _catalog.shapes_of(command)]


def test_schema_describes_what_an_answer_holds() -> None:
    text = "NAME     TAINTS\ncrashme  OE\n"
    answer = msgspec.to_builtins(parse("mod -t", text))
    schema = _catalog.schema("mod")
    part = next(p for p in schema["anyOf"] if p["properties"]["shape"]["const"] == answer["shape"])
    assert set(part["required"]) == set(answer)
    reference = part["properties"]["records"]["items"]["$ref"].rpartition("/")[2]
    assert set(answer["records"][0]) == set(schema["$defs"][reference]["properties"])


def test_schema_resolves_aliases_and_refuses_the_unknown() -> None:
    assert _catalog.schema("lsmod")["title"] == "mod"
    with pytest.raises(UsageError):
        _catalog.schema("no_such_command")


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int | None, "int | None"),
        (tuple[str, ...], "tuple[str, ...]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
    ],
)
def test_types_as_python_writes_them(annotation: object, text: str) -> None:
    assert _catalog.type_text(annotation) == text
