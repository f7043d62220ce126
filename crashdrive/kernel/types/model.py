"""The kernel's types as data: frozen, comparable, and small enough to be kept in the store.

A type holds whatever it contains by value (a structure its members, an array its element) and refers to
everything else, such as the targets of pointers, by name: a `TypeRef`, which `Layouts.resolve` turns into
the type itself. A typedef that is used by value is a `TypeRef` with its size, so that one query tells a
structure's whole layout. Qualifiers (const, volatile) are left out: they change no byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec


class _Base(msgspec.Struct, frozen=True, tag_field="t", omit_defaults=True):
    """What all types share: a tag of a few letters in their stored form."""


class TypeRef(_Base, frozen=True, tag="ref"):
    """A type by name: ``struct sock``, ``enum pid_type``, ``atomic_t``; ``size`` in bytes where known."""

    name: str
    size: int | None = None


class IntType(_Base, frozen=True, tag="int"):
    """An integer, a character (``kind`` ``char``: the char types) or a boolean (``bool``)."""

    name: str
    size: int
    signed: bool
    kind: Literal["int", "char", "bool"] = "int"


class FloatType(_Base, frozen=True, tag="float"):
    """A floating point number."""

    name: str
    size: int


class VoidType(_Base, frozen=True, tag="void"):
    """No type at all."""


class IncompleteType(_Base, frozen=True, tag="incomplete"):
    """A structure, union or enum that the debug data declares but doesn't define, or one without a name."""

    kind: Literal["struct", "union", "enum"]
    name: str | None = None


class PointerType(_Base, frozen=True, tag="ptr"):
    """A pointer; ``target`` is a `TypeRef`, or a type that has no name of its own."""

    target: Type
    size: int


class FunctionType(_Base, frozen=True, tag="func"):
    """A function; ``variadic`` where it takes more arguments than it names."""

    returns: Type
    parameters: tuple[Type, ...] = ()
    variadic: bool = False


class ArrayType(_Base, frozen=True, tag="array"):
    """An array; ``count`` is None for a flexible array (``x[]``); dimensions nest, outermost first.

    ``origin``: it may have more dimensions than are told here, since BTF keeps one; it is the type of this
    member (``struct zone.nr_pages``), and `Layouts.resolve` gives the whole one. None where it is whole.
    """

    element: Type
    count: int | None
    origin: str | None = None


class EnumType(_Base, frozen=True, tag="enum"):
    """An enumeration; ``name`` without the keyword, None for an anonymous one; (name, value) in order."""

    name: str | None
    size: int
    signed: bool
    enumerators: tuple[tuple[str, int], ...]


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member of a structure or union; ``name`` is None for an anonymous structure or union.

    ``bit_offset`` counts from the start of what contains it. ``bit_size`` is None unless it is a bit-field;
    then ``bit_offset`` is that of its lowest bit in memory order, as the debug data has it.
    """

    name: str | None
    type: Type
    bit_offset: int
    bit_size: int | None = None

    @property
    def offset(self) -> int:
        """Offset in bytes; of a bit-field, that of the byte in which it begins."""
        return self.bit_offset >> 3


class StructType(_Base, frozen=True, tag="struct"):
    """A structure or union and all it holds by value; ``name`` without the keyword, None if anonymous."""

    kind: Literal["struct", "union"]
    name: str | None
    size: int
    members: tuple[Member, ...]

    def leaves(self, base: int = 0) -> Iterator[tuple[str, Member, int]]:
        """(name, member, bit offset from the start) of the members reachable by a plain name,
        those of anonymous structures and unions included.
        """
        for member in self.members:
            place = base + member.bit_offset
            if member.name is not None:
                yield member.name, member, place
            elif isinstance(member.type, StructType):
                yield from member.type.leaves(place)

    def find(self, name: str) -> tuple[Member, int] | None:
        """A member by its plain name, through anonymous ones, and its bit offset from the start."""
        for found, member, place in self.leaves():
            if found == name:
                return member, place
        return None


class TypedefType(_Base, frozen=True, tag="typedef"):
    """A typedef and what it stands for."""

    name: str
    target: Type


Type: TypeAlias = (
    TypeRef
    | IntType
    | FloatType
    | VoidType
    | IncompleteType
    | PointerType
    | FunctionType
    | ArrayType
    | EnumType
    | StructType
    | TypedefType
)


def size_of(kind: Type) -> int | None:
    """A type's size in bytes; None where it has none (void, functions, incomplete types) or isn't known here.

    A flexible array's size is 0, as C has it.
    """
    match kind:
        case ArrayType(element, count):
            size = size_of(element)
            return None if size is None else size * (count or 0)
        case TypedefType(_, target):
            return size_of(target)
        case VoidType() | FunctionType() | IncompleteType():
            return None
        case _:
            return kind.size


def type_name(kind: Type) -> str:
    """A type's name as C has it: ``struct sock``, ``char [16]``, ``struct sock *``, ``void (*)(int)``."""
    return _declare(kind, "")


def _declare(kind: Type, inner: str) -> str:
    match kind:
        case PointerType(target, _):
            grouped = f"(*{inner})" if isinstance(target, ArrayType | FunctionType) else f"*{inner}"
            return _declare(target, grouped)
        case ArrayType(element, count):
            return _declare(element, f"{inner}[{'' if count is None else count}]")
        case FunctionType(returns, parameters, variadic):
            named = [type_name(p) for p in parameters] + ["..."] * variadic
            return _declare(returns, f"{inner}({', '.join(named) or 'void'})")
        case _:
            return f"{_plain_name(kind)} {inner}".rstrip()


def _plain_name(kind: Type) -> str:
    match kind:
        case StructType(kind=keyword, name=name) | IncompleteType(kind=keyword, name=name):
            return f"{keyword} {name}" if name else f"{keyword} {{...}}"
        case EnumType(name=name):
            return f"enum {name}" if name else "enum {...}"
        case TypeRef(name=name) | IntType(name=name) | FloatType(name=name) | TypedefType(name=name):
            return name
        case _:
            return "void"
