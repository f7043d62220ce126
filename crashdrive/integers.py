"""Integers outside of Python: exact for every reader, hexadecimal where people read them so.

JSON's numbers are exact up to 2^53-1 in JavaScript, jq and many others; an address is rounded there without a
word. What leaves the program as JSON or CSV therefore has fields of the types `Address` and `Bits` as
strings (``"0xffff888003a54000"``), and any other integer from 2^53 on as such a string, too.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Annotated, Any

import msgspec

Address = Annotated[int, msgspec.Meta(extra_json_schema={"format": "address"})]
"""A kernel, user or physical address. In JSON and CSV the string ``"0xffff888003a54000"``."""

Bits = Annotated[int, msgspec.Meta(extra_json_schema={"format": "bits"})]
"""Bits that people read in hexadecimal: a mask, a register, a raw word of memory. In JSON as an address."""

Long = Annotated[int, msgspec.Meta(extra_json_schema={"format": "long"})]
"""A number that can exceed 2^53, such as nanoseconds or an enumerator.

In JSON a number up to 2^53-1, which every reader keeps exactly, beyond that a string as of an address.
"""

EXACT = (1 << 53) - 1
"""The largest integer (and, negative, the smallest) that every reader of JSON keeps exactly."""

_KINDS: dict[object, str] = {Address: "address", Bits: "bits", Long: "long"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "address": {"type": "string", "pattern": "^-?0x[0-9a-f]+$"},
    "bits": {"type": "string", "pattern": "^-?0x[0-9a-f]+$"},
    "long": {"type": ["integer", "string"], "pattern": "^-?0x[0-9a-f]+$"},
}

Change = Callable[[Any], Any]
"""What is made of a value."""

Plan = tuple[tuple[int, Change], ...]
"""Which fields of a structure are changed, by their positions."""


def integer_kind(annotation: object) -> str | None:
    """``address``, ``bits`` or ``long`` of a type that is one of the three; None of any other."""
    return _KINDS.get(annotation)


def exact(value: object) -> Any:
    """The same value as JSON holds it: as described at the top of this module.

    Records become structures with the same fields, other containers lists and dicts.
    """
    return _FULL.of_any(value)


def exact_but_numbers(value: object) -> Any:
    """As `exact`, but integers of no special type stay as they are; for many rows, whose JSON is checked."""
    return _FAST.of_any(value)


def described(value: msgspec.Struct) -> str:
    """The ``repr`` of a structure, with integers that people read in hexadecimal written so."""
    values = _REPR.field_values(value)
    pairs = zip(type(value).__struct_fields__, values, strict=True)
    return f"{type(value).__name__}({', '.join(f'{name}={item!r}' for name, item in pairs)})"


def hexadecimal_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of a structure that are addresses or bits, or hold some, by their names in JSON."""
    try:
        return frozenset(f.encode_name for f in msgspec.structs.fields(kind) if _has_address(f.type))
    except NameError:  # types that stand where only a checker sees them
        return frozenset()


def _has_address(annotation: Any) -> bool:
    if (known := _KINDS.get(annotation)) is not None:
        return known != "long"
    return any(map(_has_address, typing.get_args(annotation)))


def exact_schema(schema: Any) -> Any:
    """A JSON schema out of msgspec with integers described as `exact` gives them."""
    if isinstance(schema, list):
        return [exact_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    known = _SCHEMAS.get(schema.get("format", "")) if schema.get("type") == "integer" else None
    if known and isinstance(schema.get("default"), int):
        known = {**known, "default": hex(schema["default"])}
    return {key: exact_schema(part) for key, part in schema.items()} | (known or {})


class _Hexadecimal(int):
    """An integer that shows itself in hexadecimal."""

    def __repr__(self) -> str:
        return hex(self)


def _same(value: Any) -> Any:
    return value


class _Form:
    """How values are changed on their way out, compiled once for each type.

    ``address`` is applied to addresses and bits, ``number`` to other integers (None: they stay),
    ``loose`` to integers that no type describes. Without ``structures`` records inside of records stay.
    """

    def __init__(self, address: Change, number: Change | None, loose: Change, *, structures: bool) -> None:
        self._address = address
        self._number = number
        self._structures = structures
        self._plans: dict[type, Plan] = {}
        self._by_type: dict[type, Change] = {
            int: loose,
            **dict.fromkeys((str, bool, float, bytes, type(None)), _same),
            list: self._list,
            tuple: self._tuple,
            **dict.fromkeys((set, frozenset), self._list_of_set if structures else self._set),
            **dict.fromkeys((dict, types.MappingProxyType), self._mapping),
        }

    def of_any(self, value: Any) -> Any:
        """A value by its own type."""
        kind = type(value)
        change = self._by_type.get(kind)
        if change is None:
            change = self._by_type[kind] = self._change_of(kind)
        return change(value)

    def field_values(self, value: msgspec.Struct) -> list[Any]:
        """The values of a structure's fields, changed."""
        values = list(msgspec.structs.astuple(value))
        for position, change in self._plan_of(type(value)):
            values[position] = change(values[position])
        return values

    def _plan_of(self, kind: type[msgspec.Struct]) -> Plan:
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._plan(kind)
        return plan

    def _plan(self, kind: type[msgspec.Struct]) -> Plan:
        try:
            changes = [self.compiled(field.type) for field in msgspec.structs.fields(kind)]
        except NameError:  # types that stand where only a checker sees them
            changes = [self.of_any] * len(kind.__struct_fields__)
        return tuple((position, change) for position, change in enumerate(changes) if change is not None)

    def _change_of(self, kind: type) -> Change:
        if issubclass(kind, msgspec.Struct):
            return self._structure(kind) if self._structures and self._plan_of(kind) else _same
        if issubclass(kind, Mapping):
            return self._mapping
        if issubclass(kind, (list, tuple)):
            return self._list
        if hasattr(kind, "__dataclass_fields__"):
            return self._dataclass
        return _same

    def _dataclass(self, value: Any) -> dict[str, Any]:
        import dataclasses  # loading it takes as long as finding a kept answer

        return {field.name: self.of_any(getattr(value, field.name)) for field in dataclasses.fields(value)}

    def _structure(self, kind: type[msgspec.Struct]) -> Change:
        return _copier(kind, dict(self._plan_of(kind)))

    def _list(self, value: Collection[Any]) -> list[Any]:
        return list(map(self._of_all(value), value))

    def _tuple(self, value: Collection[Any]) -> tuple[Any, ...]:
        return tuple(map(self._of_all(value), value))

    def _of_all(self, values: Iterable[Any]) -> Change:
        """What is done with each of these values: found once where they are of one type."""
        kinds = set(map(type, values))
        if len(kinds) == 1 and (change := self._by_type.get(kinds.pop())):
            return change
        return self.of_any

    def _set(self, value: set[Any] | frozenset[Any]) -> Any:
        return type(value)(map(self.of_any, value))

    def _list_of_set(self, value: Iterable[Any]) -> list[Any]:
        return self._list(sorted(value, key=str))

    def _mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        return {key: self.of_any(item) for key, item in value.items()}

    def compiled(self, annotation: Any) -> Change | None:
        """What is done with values of a type; None where nothing is."""
        if annotation in _KINDS:
            return self._number if _KINDS[annotation] == "long" else self._address
        if annotation is int:
            return self._number
        if annotation in _PLAIN or typing.get_origin(annotation) is typing.Literal:
            return None
        return self._compound(annotation)

    def _compound(self, annotation: Any) -> Change | None:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in {typing.Union, types.UnionType}:
            return self._optional(arguments)
        if (origin is tuple and arguments[1:] == (...,)) or origin is list:
            return _of_each(self.compiled(arguments[0]), origin)
        if origin is dict:
            key = self.compiled(arguments[0]) if arguments[0] in _KINDS else None
            return _of_items(key, self.compiled(arguments[1]))
        return self.of_any

    def _optional(self, members: tuple[Any, ...]) -> Change | None:
        changes = [self.compiled(member) for member in members if member is not type(None)]
        if not any(changes):
            return None
        only = changes[0]
        if len(changes) > 1 or only is None:
            return self.of_any
        return lambda value: None if value is None else only(value)


def _of_each(change: Change | None, container: type) -> Change | None:
    return None if change is None else lambda value: container(map(change, value))


def _of_items(key: Change | None, item: Change | None) -> Change | None:
    if key is None and item is None:
        return None
    name, part = key or _same, item or _same
    return lambda value: {name(one): part(other) for one, other in value.items()}


def _copier(kind: type[msgspec.Struct], changes: dict[int, Change]) -> Change:
    """A function that copies a structure into its shadow, some fields changed.

    It is written out as code, as dataclasses do, because reports have 40,000 rows.
    """
    known = {
        "shadow": _shadow(kind),
        **{f"change_{position}": change for position, change in changes.items()},
    }
    copies = (
        f"change_{position}(value.{name})" if position in changes else f"value.{name}"
        for position, name in enumerate(kind.__struct_fields__)
    )
    code = f"lambda value: shadow({', '.join(copies)})"
    change: Change = eval(code, known)  # noqa: S307 - made of a class's attribute names alone
    return change


def _shadow(kind: type[msgspec.Struct]) -> Callable[..., msgspec.Struct]:
    """A structure with the names of another one's fields in JSON, and with room for any values."""
    config = kind.__struct_config__
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    # where a structure leaves out what has its default, its shadow does; these fields stand last
    defaults = kind.__struct_defaults__ if config.omit_defaults else ()
    plain = len(kind.__struct_fields__) - len(defaults)
    fields: list[Any] = [(name, Any) for name in kind.__struct_fields__[:plain]]
    fields += [
        (name, Any, value) for name, value in zip(kind.__struct_fields__[plain:], defaults, strict=True)
    ]
    return msgspec.defstruct(
        kind.__name__,
        fields,
        omit_defaults=config.omit_defaults,
        rename={name: encoded for name, encoded in names if name != encoded},
        tag_field=config.tag_field,
        tag=config.tag,
        frozen=True,
        gc=False,
    )


_PLAIN = {str, bool, float, bytes, type(None)}


def _exact_number(value: int) -> int | str:
    return value if -EXACT <= value <= EXACT else hex(value)


def _shown_number(value: int) -> int:
    return value if -EXACT <= value <= EXACT else _Hexadecimal(value)


_FULL = _Form(hex, _exact_number, _exact_number, structures=True)
_FAST = _Form(hex, None, _exact_number, structures=True)
_REPR = _Form(_Hexadecimal, _shown_number, _shown_number, structures=False)
