"""Values as a person reads them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from crashdrive.integers import hexadecimal_fields
from crashdrive.text import printable

_KERNEL_HALF = 1 << 63
_UNIFORM_LIMIT = 4096  # a column with fewer different values than this is formatted value by value


def field_names(row: Any) -> tuple[str, ...]:
    """The names of a row's fields: of a record, a mapping, or ``value`` for anything else."""
    if isinstance(row, msgspec.Struct):
        return row.__struct_encode_fields__
    if isinstance(row, Mapping):
        return tuple(str(key) for key in row)
    return ("value",)


def all_columns(rows: Sequence[Any]) -> tuple[str, ...]:
    """The fields of all rows, in the order in which they are first seen (rows may be of several types)."""
    if not rows:
        return ()
    seen: dict[str, None] = {}
    if isinstance(rows[0], Mapping):
        for row in rows:
            seen.update(dict.fromkeys(field_names(row)))
        return tuple(seen)
    for example in {type(row): row for row in rows}.values():
        seen.update(dict.fromkeys(field_names(example)))
    return tuple(seen)


def column_values(rows: Sequence[Any], name: str) -> list[Any]:
    """One field of all rows, None where a row lacks it."""
    kinds: set[type] = set(map(type, rows))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is not None and issubclass(kind, msgspec.Struct) and name in field_names(rows[0]):
        return list(map(operator.attrgetter(_attribute(kind, name)), rows))
    return [_value(row, name) for row in rows]


@functools.cache
def _attribute(kind: type[msgspec.Struct], name: str) -> str:
    """What Python calls a field: JSON's ``async`` is ``async_`` there."""
    return dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)).get(name, name)


def _value(row: Any, name: str) -> Any:
    if isinstance(row, Mapping):
        return row.get(name)
    if isinstance(row, msgspec.Struct):
        return getattr(row, _attribute(type(row), name), None)
    return row if name == "value" else None


def format_column(values: Sequence[Any], *, hexadecimal: bool = False) -> list[str]:
    """All values of a column as cells: one line each, safe for a terminal."""
    kinds = set(map(type, values))
    if kinds <= {str}:
        return _texts(values)
    if kinds - {type(None)} == {float}:
        return _floats(values)
    form = _formatter(hexadecimal=hexadecimal)
    if kinds - {type(None)} <= {int} and len(distinct := set(values)) < _UNIFORM_LIMIT:
        return list(map({value: form(value) for value in distinct}.__getitem__, values))
    return list(map(form, values))


def _texts(values: Sequence[str]) -> list[str]:
    distinct = set(values)
    if "".join(distinct).isprintable():
        return list(values)
    return list(map({value: printable(value) for value in distinct}.__getitem__, values))


def _floats(values: Sequence[float | None]) -> list[str]:
    """To microseconds, without zeros that all of them end in, so that the points stand below each other."""
    texts = ["" if value is None else f"{value:.6f}" for value in values]
    zeros = min(len(text) - len(text.rstrip("0")) for text in texts if text)
    cut = 7 if zeros == 6 else zeros
    return [text[: len(text) - cut] for text in texts] if cut else texts


def _formatter(*, hexadecimal: bool) -> Callable[[Any], str]:
    return _as_address if hexadecimal else as_cell


def is_hexadecimal(rows: Sequence[Any], name: str) -> bool:
    """Whether a column holds addresses or bits, which people read in hexadecimal: the rows' types say it."""
    return any(name in hexadecimal_names(kind) for kind in set(map(type, rows)))


@functools.cache
def hexadecimal_names(kind: type) -> frozenset[str]:
    """The fields of a row's type that hold addresses or bits."""
    return hexadecimal_fields(kind) if issubclass(kind, msgspec.Struct) else frozenset()


def _as_address(value: Any) -> str:
    if type(value) is int:
        return f"{value:x}" if value >= 0 else str(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_as_address, value))
    if isinstance(value, Mapping):
        return printable(" ".join(f"{name}={_as_address(item)}" for name, item in value.items()))
    return as_cell(value)


def as_cell(value: Any) -> str:
    """One value as one line; nested records as ``name=value`` pairs."""
    if type(value) is int:
        return f"{value:x}" if value >= _KERNEL_HALF else str(value)
    if isinstance(value, str):
        return value if value.isprintable() else printable(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return printable(_compound(value))


def _compound(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, msgspec.Struct):
        return " ".join(f"{name}={cell}" for name, cell in named_cells(value))
    if isinstance(value, Mapping):
        return " ".join(f"{name}={cell}" for name, cell in named_cells(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        nested = any(isinstance(item, (msgspec.Struct, Mapping)) for item in value)
        return ("; " if nested else ", ").join(map(as_cell, value))
    return str(value)


def named_cells(row: Any) -> list[tuple[str, str]]:
    """(name, cell) of each field of a row that has something to show."""
    return [(printable(name), cell) for name, cell in _named(row) if cell]


def _named(row: Any) -> Iterator[tuple[str, str]]:
    if isinstance(row, Mapping):
        # keys may be numbers, as of CPUs
        return ((str(name), as_cell(value)) for name, value in row.items())
    kind: type = type(row)
    addresses = hexadecimal_names(kind)
    return ((name, _formatter(hexadecimal=name in addresses)(_value(row, name))) for name in field_names(row))


def is_numeric(values: Sequence[Any]) -> bool:
    """Whether a column is numbers (and holes) alone, and better right-aligned; one of holes alone isn't."""
    return set() < set(map(type, values)) - {type(None)} <= {int, float}
