"""The catalog of parsers: every command, shape, record and field, from the parser modules themselves."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from crashdrive.commandline import command_line
from crashdrive.errors import PluginError
from crashdrive.integers import exact_schema, integer_kind
from crashdrive.parsers import command_names, foreign_parsers, module_for
from crashdrive.parsers.base import Shape
from crashdrive.records import Notice, Record


class FieldRow(Record, frozen=True):
    """A field of a record: its name, its type as Python writes it, whether it is always there."""

    name: str
    type: str
    required: bool


class CatalogRow(Record, frozen=True):
    """A record that a shape of a command's output gives; ``summary`` is its docstring's first line.

    ``source``: where a parser from outside comes from; None for crashdrive's own.
    """

    command: str
    shape: str
    options: str
    record: str
    summary: str
    fields: tuple[FieldRow, ...]
    source: str | None = None


def listing() -> list[CatalogRow]:
    """One row for each command, shape and record type, in the order in which shapes are tried."""
    return [row for name in command_names() for row in _rows(name)]


def foreign_listing() -> tuple[list[CatalogRow], list[str]]:
    """The same of parsers from outside; a line for each that is refused or broken."""
    found = foreign_parsers()
    rows: list[CatalogRow] = []
    told = list(found.refused)
    for name, plugin in sorted(found.plugins.items()):
        try:
            rows += [replace(row, source=plugin.source) for row in _rows(name)]
        except PluginError as error:
            told.append(str(error))
    return rows, told


def _rows(command: str) -> list[CatalogRow]:
    return [
        _row(command, shape, record) for shape in shapes_of(command) for record in record_types(shape.record)
    ]


def shapes_of(command: str) -> tuple[Shape, ...]:
    """The shapes of a command's output."""
    shapes: tuple[Shape, ...] = module_for(command).SHAPES
    return shapes


def record_types(annotation: Any) -> list[Any]:
    """The record types of a shape: the members of a union, in their order."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return [member for part in typing.get_args(annotation) for member in record_types(part)]
    return [annotation]


def records_of(command: str) -> list[Any]:
    """All record types that a command's answers can hold, nested ones too, each once."""
    found: dict[Any, None] = {}
    waiting = [shape.record for shape in shapes_of(command)]
    while waiting:
        part = waiting.pop(0)
        if is_record(part) and part not in found:
            found[part] = None
            waiting += [field.type for field in msgspec.structs.fields(part)]
        waiting += typing.get_args(part)
    return list(found)


def _row(command: str, shape: Shape, record: Any) -> CatalogRow:
    return CatalogRow(
        command=command,
        shape=shape.name,
        options=shape.options,
        record=type_text(record),
        summary=(inspect.getdoc(record) or "").split("\n", 1)[0] if is_record(record) else "",
        fields=tuple(fields_of(record)),
    )


def is_record(record: Any) -> bool:
    """Whether a type is a structure with fields of its own (and not, say, ``str``)."""
    return isinstance(record, type) and issubclass(record, msgspec.Struct)


def fields_of(record: Any) -> Iterator[FieldRow]:
    """The fields of a record type; none of any other type."""
    if not is_record(record):
        return
    for field in msgspec.structs.fields(record):
        yield FieldRow(name=field.encode_name, type=type_text(field.type), required=field.required)


def type_text(annotation: Any) -> str:
    """A type as Python writes it, without names of modules; integers of a kind by its name: ``address``,
    ``bits``, ``long``.
    """
    if kind := integer_kind(annotation):
        return kind
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(map(type_text, arguments))
    if origin is typing.Literal:
        return " | ".join(map(repr, arguments))
    if arguments:
        return f"{type_text(origin)}[{', '.join(map(type_text, arguments))}]"
    if annotation in {Ellipsis, type(None)}:
        return "..." if annotation is Ellipsis else "None"
    name = getattr(annotation, "__forward_arg__", None) or getattr(annotation, "__name__", None)
    return str(name or annotation)


def schema(command: str) -> dict[str, Any]:
    """The JSON schema of a command's answers, as ``parse`` and ``exec`` print them: one part for each shape.

    UsageError for a command that has no parser.
    """
    name = command_line(command).name or command
    shapes = shapes_of(name)
    members = [record_types(shape.record) for shape in shapes]
    wanted = list(dict.fromkeys(record for records in members for record in records))
    described, definitions = msgspec.json.schema_components([*wanted, Notice], ref_template="#/$defs/{name}")
    by_type = dict(zip(wanted, described, strict=False))
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "anyOf": [
            _answer(shape.name, [by_type[record] for record in records], described[-1])
            for shape, records in zip(shapes, members, strict=True)
        ],
        "$defs": definitions,
    }
    return dict(exact_schema(document))


def _answer(shape: str, records: list[dict[str, Any]], notice: dict[str, Any]) -> dict[str, Any]:
    items = records[0] if len(records) == 1 else {"anyOf": records}
    properties = {
        "command": {"type": "string"},
        "shape": {"const": shape},
        "complete": {"type": "boolean"},
        "warnings": {"type": "array", "items": notice},
        "records": {"type": "array", "items": items},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
