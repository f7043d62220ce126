"""Rows as tables of other libraries: pandas, polars, Arrow. Each is an extra, imported where it is asked for.

Columns are called as in JSON and CSV. Integers stay integers: signed with 64 bits, unsigned where an address
or a larger number stands among them; absent ones are missing values, not zeros and not NaN. A cell that holds
records becomes dicts and lists.
"""

from __future__ import annotations

import importlib
import json
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from crashdrive.errors import UsageError
from crashdrive.integers import hexadecimal_fields
from crashdrive.text import valid

Kind = Literal["bool", "int", "uint", "float", "text", "nested"]
_KINDS: dict[type, Kind] = {str: "text", float: "float", int: "int", bool: "bool"}
_SIGNED, _UNSIGNED = (1 << 63) - 1, (1 << 64) - 1


class Column(NamedTuple):
    """A column: plain values, None where a row lacks it, all of one kind."""

    name: str
    kind: Kind
    values: list[Any]


def columns_of(rows: Sequence[Any]) -> list[Column]:
    """All fields of the rows, in the order in which they are first seen."""
    plain = [_fields(row) for row in rows]
    names = dict.fromkeys(name for row in plain for name in row)
    kinds = {type(row) for row in rows if isinstance(row, msgspec.Struct)}
    addresses = {name for kind in kinds for name in hexadecimal_fields(kind)}
    made = [_column(name, [row.get(name) for row in plain], name in addresses) for name in names]
    declared = _declared(kinds)
    return [
        one._replace(kind=declared.get(one.name, one.kind))
        if not any(value is not None for value in one.values)
        else one
        for one in made
    ]


def _declared(kinds: set[type[msgspec.Struct]]) -> dict[str, Kind]:
    """The kinds of columns as the records' types have them: what a column is whose cells are all absent."""
    found: dict[str, Kind] = {}
    for kind in kinds:
        addresses = hexadecimal_fields(kind)
        try:
            fields = msgspec.structs.fields(kind)
        except NameError:  # types that stand where only a checker sees them
            continue
        for field in fields:
            parts = {getattr(part, "__origin__", part) for part in (field.type, *typing.get_args(field.type))}
            for plain, told in _KINDS.items():
                if plain in parts:
                    name = field.encode_name
                    found[name] = "uint" if told == "int" and name in addresses else told
    return found


def _fields(row: Any) -> Mapping[str, Any]:
    if isinstance(row, msgspec.Struct):
        kind = type(row)
        pairs = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
        return {name: getattr(row, attribute) for name, attribute in pairs}
    if isinstance(row, Mapping):
        return {str(name): value for name, value in row.items()}
    return {"value": row}


def _column(name: str, values: list[Any], address: bool) -> Column:  # noqa: FBT001 - of the column
    found = {type(value) for value in values} - {type(None)}
    if found == {bool}:
        return Column(name, "bool", values)
    if found == {int}:
        return _integers(name, values, address=address)
    if found and found <= {int, float}:
        return Column(name, "float", [None if value is None else float(value) for value in values])
    if found <= {str}:
        return Column(name, "text", [None if value is None else valid(value) for value in values])
    return Column(name, "nested", [_plain(value) for value in values])


def _integers(name: str, values: list[Any], *, address: bool) -> Column:
    told = [value for value in values if value is not None]
    if min(told) >= 0 and max(told) <= _UNSIGNED and (address or max(told) > _SIGNED):
        return Column(name, "uint", values)
    if min(told) >= -_SIGNED - 1 and max(told) <= _SIGNED:
        return Column(name, "int", values)
    return Column(name, "nested", values)


def _plain(value: Any) -> Any:
    """Records as dicts, tuples as lists; texts that UTF-8 has."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(item) for name, item in _fields(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(_plain, value), key=str)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return valid(value) if isinstance(value, str) else value


def to_pandas(rows: Sequence[Any], told: Mapping[str, Any]) -> Any:
    """A pandas.DataFrame with nullable types; ``told`` are its ``attrs``."""
    pandas = _library("pandas", "pandas")
    types = {"bool": "boolean", "int": "Int64", "uint": "UInt64", "float": "Float64", "text": "string"}
    made = {
        one.name: pandas.Series(one.values, dtype=types.get(one.kind, "object")) for one in columns_of(rows)
    }
    frame = pandas.DataFrame(made)
    frame.attrs.update(told)
    return frame


def to_polars(rows: Sequence[Any]) -> Any:
    """A polars.DataFrame; a column whose nested cells are of several shapes is JSON."""
    polars = _library("polars", "polars")
    types = {
        "bool": polars.Boolean, "int": polars.Int64, "uint": polars.UInt64, "float": polars.Float64,
        "text": polars.String,
    }  # fmt: skip
    made = []
    for one in columns_of(rows):
        if one.kind != "nested":
            made.append(polars.Series(one.name, one.values, dtype=types[one.kind]))
            continue
        try:
            series = polars.Series(one.name, one.values, strict=True)
        except (TypeError, OverflowError, ValueError, polars.exceptions.PolarsError):
            series = None
        # polars drops members and digits that the first cell's shape lacks, and says nothing
        if series is None or series.to_list() != one.values:
            series = polars.Series(one.name, _as_json(one.values), dtype=polars.String)
        made.append(series)
    return polars.DataFrame(made)


def to_arrow(rows: Sequence[Any], told: Mapping[str, Any]) -> Any:
    """A pyarrow.Table with ``told`` as its schema's metadata; nested cells of several shapes are JSON."""
    arrow = _library("pyarrow", "arrow")
    types = {
        "bool": arrow.bool_(), "int": arrow.int64(), "uint": arrow.uint64(), "float": arrow.float64(),
        "text": arrow.string(),
    }  # fmt: skip
    names, arrays = [], []
    for one in columns_of(rows):
        names.append(one.name)
        if one.kind != "nested":
            arrays.append(arrow.array(one.values, type=types[one.kind]))
            continue
        try:
            arrays.append(arrow.array(one.values))
        except (TypeError, OverflowError, ValueError):
            arrays.append(arrow.array(_as_json(one.values), type=arrow.string()))
    metadata = {name: json.dumps(value) for name, value in told.items()}
    return arrow.table(arrays, names=names).replace_schema_metadata(metadata)


def _as_json(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else json.dumps(value) for value in values]


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"{name} is not installed: pip install 'crashdrive[{extra}]'") from error
