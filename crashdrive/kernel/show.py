"""Objects as people read them: the way in which crash's ``struct`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice

from crashdrive.errors import CommandFailedError, CrashdriveError, FaultError, ParseError, UnknownTypeError
from crashdrive.kernel.objects import Object
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FunctionType,
    IncompleteType,
    IntType,
    Member,
    PointerType,
    StructType,
    Type,
    TypeRef,
    VoidType,
)
from crashdrive.kernel.types.paths import Place, bare
from crashdrive.text import printable

_ELEMENTS = 200
_REPEATS = 10
_DEPTH = 20


def shown(value: Object) -> str:
    """A structure as crash prints it; everything else with its type before it."""
    kind = value.bare_()
    body = shown_value(value)
    return f"{value.type_name_} {body}" if isinstance(kind, StructType) else f"({value.type_name_}) {body}"


def shown_value(value: Object) -> str:
    """The value alone; memory that the dump doesn't hold says so in its place."""
    _learn(value)
    if value.address_ is not None and value.size_:
        value.kernel_.prefetch([(value.address_, value.size_)])
    return _show(value, 0)


def _learn(value: Object) -> None:
    """Ask for all types that a structure contains by name, a level of them in one round trip."""
    layouts = value.kernel_.layouts
    known: set[str] = set()
    level = {ref.name for ref in _contained(value.bare_())}
    while level:
        layouts.prefetch(sorted(level))
        known |= level
        found = [kind for name in level if (kind := _resolved(value, name)) is not None]
        level = {ref.name for kind in found for ref in _contained(kind)} - known


def _resolved(value: Object, name: str) -> Type | None:
    try:
        return value.kernel_.layouts.resolve(TypeRef(name))
    except CrashdriveError:
        return None


def _contained(kind: Type) -> Iterator[TypeRef]:
    """References by value, at any depth."""
    match kind:
        case TypeRef():
            yield kind
        case ArrayType(element):
            yield from _contained(element)
        case StructType(members=members):
            for member in members:
                yield from _contained(member.type)
        case _:
            pass


def _show(value: Object, depth: int) -> str:
    try:
        kind = value.bare_()
    except (UnknownTypeError, ParseError, CommandFailedError):
        return "<unknown type>"
    if isinstance(kind, StructType):
        return _structure(value, kind, depth)
    try:
        return _array(value, kind, depth) if isinstance(kind, ArrayType) else _scalar(value, kind)
    except FaultError as error:
        return f"<not in the dump: {printable(error.reason)}>"


def _structure(value: Object, kind: StructType, depth: int) -> str:
    if value.address_ is None or depth > _DEPTH:
        return "{...}"
    indent = "  " * (depth + 1)
    lines = [f"{indent}{line}" for line in _members(value, kind, depth)]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"


def _members(value: Object, kind: StructType, depth: int) -> Iterator[str]:
    for member in kind.members:
        prefix = f"{member.name} = " if member.name else ""
        yield prefix + _show(_member(value, member), depth + 1)


def _member(value: Object, member: Member) -> Object:
    return value.at_(Place(member.type, member.bit_offset, member.bit_size))


def _array(value: Object, kind: ArrayType, depth: int) -> str:
    element = bare(value.kernel_.layouts, kind.element)
    if not kind.count:
        return f"{value.address_ or 0:#x}"
    if isinstance(element, IntType) and element.name == "char":
        return '"' + printable(value.string_()).replace('"', '\\"') + '"'
    texts = (_show(item, depth) for item in islice(value, _ELEMENTS))
    parts: list[str] = []
    for said, group in groupby(texts):
        count = len(list(group))
        parts += [f"{said} <repeats {count} times>"] if count >= _REPEATS else [said] * count
    if kind.count > _ELEMENTS:
        parts.append(f"... {kind.count - _ELEMENTS} more")
    return "{" + ", ".join(parts) + "}"


def _scalar(value: Object, kind: Type) -> str:
    match kind:
        case PointerType(target):
            return _pointer(value, target)
        case EnumType():
            return value.enumerator_() or str(value.value_())
        case IncompleteType() | VoidType() | FunctionType():
            return "<incomplete type>" if isinstance(kind, IncompleteType) else f"{value.address_ or 0:#x}"
        case IntType(kind="bool"):
            return "true" if value.value_() else "false"
        case _:
            return str(value.value_())


def _pointer(value: Object, target: Type) -> str:
    address = int(value)
    said = f"{address:#x}"
    if address and isinstance(target, FunctionType):
        return said + _symbol(value, address)
    if address and isinstance(target, IntType) and target.name == "char":
        return said + _text(value)
    return said


def _symbol(value: Object, address: int) -> str:
    try:
        found = value.kernel_.symbols.lookup(address)
    except CrashdriveError:
        return ""
    if found is None:
        return ""
    offset = f"+{found.offset}" if found.offset else ""
    return f" <{printable(found.symbol.name)}{offset}>"


def _text(value: Object) -> str:
    try:
        words = value.string_()
    except FaultError:
        return ""
    quoted = printable(words[:_ELEMENTS]).replace('"', '\\"')
    return f' "{quoted}"' + ("..." if len(words) > _ELEMENTS else "")
