"""docs/schemas/: JSON of this and of older versions is valid; no shape changes without a version."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from dockit import schemadiff, schemas
from msgspec import json

Schema = dict[str, Any]


def errors(name: str, document: Any) -> list[str]:
    found = jsonschema.Draft202012Validator(schemas.read_schema(name)).iter_errors(document)
    return [f"{name}: {one.json_path}: {one.message[:200]}" for one in found]


def test_the_files_are_up_to_date() -> None:
    pages = schemas.pages()
    stale = [
        name
        for name, text in pages.items()
        if not (path := schemas.FOLDER / name).exists() or path.read_text(encoding="utf-8") != text
    ]
    assert (stale, schemas.left_over(pages)) == ([], []), "run scripts/docs"


def test_no_shape_has_changed_without_a_version() -> None:
    assert schemas.unversioned() == []


def test_a_change_by_hand_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A field more, in the schema alone, in the version that was."""
    schema = schemas.read_schema("commands/btop")
    versions = json.encode({"commands/btop": {"1.0": schemas.digest(schema)}})
    (tmp_path / "commands").mkdir()
    (tmp_path / "versions.json").write_bytes(versions)
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    (tmp_path / "commands" / "btop.json").write_bytes(json.encode(schema))
    assert schemas.unversioned() == []
    schema["$defs"]["PageNumber"]["properties"]["more"] = {"type": "integer"}
    (tmp_path / "commands" / "btop.json").write_bytes(json.encode(schema))
    assert schemas.unversioned() == ["commands/btop"]


def test_json_of_older_versions_is_valid() -> None:
    """What a version printed is valid in all later schemas with its MAJOR."""
    kept = schemas.kept_documents()
    assert {one.schema for one in kept} >= {"commands/ps", "reports/netstat", "reports/triage"}
    for one in kept:
        if one.version.split(".")[0] == schemas.read_schema(one.schema)["version"].split(".")[0]:
            assert not errors(one.schema, one.document)


def test_reports_of_now_are_valid() -> None:
    assert [told for name, document in schemas.reports_of_now() for told in errors(name, document)] == []


def test_a_wrong_document_is_not_valid() -> None:
    (document,) = (one.document for one in schemas.kept_documents() if one.schema == "commands/btop")
    document["records"][0]["page"] = "0x1"
    assert errors("commands/btop", document)


OLD: Schema = {
    "anyOf": [
        {
            "properties": {
                "shape": {"const": "a"},
                "records": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
            },
            "required": ["shape"],
        }
    ],
    "$defs": {
        "Row": {
            "description": "One.",
            "properties": {
                "pid": {"type": "integer"},
                "state": {"enum": ["RU", "IN"]},
                "next": {"anyOf": [{"$ref": "#/$defs/Row"}, {"type": "null"}]},
            },
            "required": ["pid", "state"],
        }
    },
}


def row(schema: Schema) -> Schema:
    found: Schema = schema["$defs"]["Row"]
    return found


def another_record(schema: Schema) -> None:
    schema["$defs"]["More"] = {"properties": {}}
    items = schema["anyOf"][0]["properties"]["records"]
    items["items"] = {"anyOf": [items["items"], {"$ref": "#/$defs/More"}]}


@pytest.mark.parametrize(
    ("change", "breaking", "additions"),
    [
        (lambda _: None, (), ()),
        (lambda s: row(s).update(description="Another."), (), ()),
        (lambda s: row(s)["properties"].pop("pid"), ("shape a.records[].pid: went",), ()),
        (
            lambda s: row(s)["properties"].update(cpu={"type": "integer"}),
            (),
            ("shape a.records[].cpu: is new",),
        ),
        (
            lambda s: row(s)["properties"]["state"]["enum"].append("UN"),
            (),
            ("shape a.records[].state: 'UN' is new",),
        ),
        (
            lambda s: row(s)["properties"]["state"]["enum"].remove("IN"),
            ("shape a.records[].state: 'IN' went",),
            (),
        ),
        (lambda s: row(s)["required"].remove("pid"), ("shape a.records[].pid: may be absent",), ()),
        (
            lambda s: row(s)["properties"].update(pid={"type": "string"}),
            ("shape a.records[].pid: type is 'string', was 'integer'",),
            (),
        ),
        (
            lambda s: row(s)["properties"].update(pid={"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            ('shape a.records[].pid: {"type":"null"} is new',),
            (),
        ),
        (
            lambda s: s["anyOf"].append({"properties": {"shape": {"const": "b"}}}),
            (),
            (": shape b is new",),
        ),
        (another_record, (), ("shape a.records[]: record More is new",)),
    ],
)
def test_what_breaks_a_reader(
    change: Callable[[Schema], Any], breaking: tuple[str, ...], additions: tuple[str, ...]
) -> None:
    new = copy.deepcopy(OLD)
    change(new)
    found = schemadiff.changes(OLD, new)
    assert found == (breaking, additions)
    old = {"version": "1.4", **OLD}
    version, merged = schemas._versioned(old, new)
    assert version == ("2.0" if breaking else "1.5" if additions else "1.4")
    assert merged["$defs"]["Row"]["required"] == row(new)["required"]


def test_a_field_that_came_later_is_not_required_of_old_documents() -> None:
    new = copy.deepcopy(OLD)
    row(new)["properties"]["cpu"] = {"type": "integer"}
    row(new)["required"].append("cpu")
    version, merged = schemas._versioned({"version": "1.0", **OLD}, new)
    assert (version, row(merged)["required"]) == ("1.1", ["pid", "state"])
    # and stays so as long as the MAJOR does
    assert schemas._versioned({"version": version, **merged}, new) == (version, merged)
