"""What gdb's ``ptype/o X **`` prints, turned into types.

The pointers are there because gdb 16 (crash 9) refuses offsets of structures that end in a flexible array,
``task_struct`` among them, and of pointers to such, but not of pointers to pointers; older gdbs don't mind.

gdb prints offsets of nested members from the start of the outermost structure, except within the element of
an array of anonymous structures (and the target of a pointer to one), where they start again at 0 and the
total size is left out. Members of a union get no offset: they start where the union does.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Literal, NoReturn

import msgspec

from crashdrive.commandline import command_line
from crashdrive.errors import ParseError
from crashdrive.kernel.types.declarations import (
    LINUX_64,
    Abi,
    DeclarationError,
    parse_declaration,
    parse_declarator,
)
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    IncompleteType,
    Member,
    PointerType,
    StructType,
    Type,
    TypeRef,
    size_of,
)
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.layouts import Laid, layout

_QUALIFIER = re.compile(r"\b(?:const|volatile)\b\s*")
_ENUM = re.compile(r"enum(?: ([A-Za-z_$][\w$]*))?(?: : [a-z ]+)? \{(.*)\}(.*)")
_ENUMERATOR = re.compile(r"\s*([A-Za-z_$][\w$]*)(?: = (-?\d+))?\s*")

_LAYOUTS = {places: functools.partial(layout, places=places) for places in (True, False)}

# a path of members to an anonymous element whose size gdb doesn't print, as in ``near[0]``
SizeOf = Mapping[str, int]


class SizesWantedError(Exception):
    """Sizes that the text leaves out and that must be asked for: ``paths`` of members from the top."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


class Node(msgspec.Struct):
    """A member, with what it contains; bits from the outermost start, None: as its parent.

    ``place``: where it stands in the text.
    """

    kind: Literal["struct", "union"] | None
    name: str | None
    offset: int | None
    size: int | None
    text: str = ""
    base: Type | None = None
    children: list[Node] = msgspec.field(default_factory=list)
    total: int | None = None
    incomplete: bool = False
    place: int = 0


def parse_ptype(
    command: str, text: str, *, abi: Abi = LINUX_64, sizes: SizeOf | None = None, pointers: int = 2
) -> Type:
    """The type whose ``gdb ptype/o NAME **`` was printed; ParseError for text that isn't such.

    ``pointers``: how many of them stand around the type, 1 for ``gdb ptype/o &VARIABLE``.
    SizesWantedError if sizes are missing that ``sizes`` doesn't give.
    An enumeration's size isn't in the text: it comes as 0 for the caller to fill in, unless it is a member.
    """
    return Reader(command, text, abi, sizes or {}).read(pointers)


class Reader:
    """Reads a type's text in two steps: what the grammar made of it into nodes, nodes into types."""

    places = True
    """Whether the text tells offsets and sizes."""

    def __init__(self, command: str, text: str, abi: Abi, sizes: SizeOf) -> None:
        self.source = Source(command_line(command), text)
        self.place = 0
        self.abi = abi
        self.sizes = sizes
        self.wanted: list[str] = []

    def fail(self, reason: str) -> NoReturn:
        """ParseError for the member that is looked at."""
        self.source.fail(self.place, reason)

    def read(self, pointers: int) -> Type:
        """The type that ``ptype/o NAME **`` printed."""
        kind = self.convert_top(self.tree())
        for _ in range(pointers):
            if not isinstance(kind, PointerType):
                self.fail(f"expected {pointers} pointers")
            kind = kind.target
        if self.wanted:
            raise SizesWantedError(tuple(self.wanted))
        return kind

    def tree(self) -> Node:
        """The whole text as nodes."""
        (laid,) = g.read(_LAYOUTS[self.places], self.source)
        for notice in self.source.warnings:
            raise ParseError(self.source.command.text, notice.line or 1, 1, notice.text or "", notice.message)
        return self.node(laid)

    # reading: what the grammar made of the text into nodes

    def node(self, laid: Laid) -> Node:
        """A member with those within it."""
        byte, size, text, place = laid.byte, laid.size, laid.declared, laid.place
        offset = None if byte is None else 8 * byte + (laid.bit or 0)
        if laid.type is None:
            if "{" not in text:
                return Node(None, None, offset, size, text, place=place)
            self.place = place
            enum = _ENUM.fullmatch(_QUALIFIER.sub("", text))
            if enum is None:
                self.fail("expected an enumeration")
            base = self.enum(enum[1], enum[2], size)
            return Node(None, None, offset, size, enum[3], base, place=place)
        type_ = _QUALIFIER.sub("", laid.type) if laid.type[0] in "cv" else laid.type
        kind, _, name = type_.partition(" ")
        return Node(
            "struct" if kind == "struct" else "union",
            name or None,
            offset,
            size,
            text,
            children=[self.node(member) for member in laid.members],
            total=laid.total,
            incomplete=laid.remark == "incomplete type",
            place=place,
        )

    def enum(self, name: str | None, body: str, size: int | None) -> EnumType | IncompleteType:
        """An enumeration out of what stands in its braces; ``size`` in bytes."""
        if not body.strip():
            return IncompleteType("enum", name)
        values: list[tuple[str, int]] = []
        upcoming = 0
        for part in body.split(","):
            match = _ENUMERATOR.fullmatch(part)
            if not match:
                self.fail("expected an enumerator")
            upcoming = int(match[2]) if match[2] else upcoming  # gdb leaves out what C implies
            values.append((match[1], upcoming))
            upcoming += 1
        signed = any(value < 0 for _, value in values)
        return EnumType(name, size or 0, signed, tuple(values))

    # converting: nodes into types

    def convert_top(self, node: Node) -> Type:
        """The type that was asked for."""
        if node.kind is None:
            kind, _, bits = self.declared(node)
            if bits is not None:
                self.fail("a bit-field at the top")
            return kind
        if node.incomplete:
            return self.wrapped(node, IncompleteType(node.kind, node.name))[0]
        if node.total is None:
            self.fail("no total size")
        return self.wrapped(node, self.structure(node, 0, node.total, ""))[0]

    def structure(self, node: Node, start: int, size: int, path: str) -> StructType:
        """A structure or union of ``size`` bytes that begins at bit ``start``; ``path`` leads to it in C."""
        members = tuple(self.convert(child, node, start, size, path) for child in node.children)
        return StructType(node.kind or "struct", node.name, size, members)

    def convert(self, child: Node, parent: Node, start: int, size: int, path: str) -> Member:
        """A member, held to lie within its structure. gdb's offsets count from the outermost one, in bits."""
        self.place = child.place
        place = start if child.offset is None else child.offset
        if child.offset is None and parent.kind != "union":
            self.fail("a structure's member without an offset")
        if child.kind is None:
            kind, name, bits = self.declared(child)
        else:
            kind, name = self.aggregate(child, place, path)
            bits = None
        end = place - start + (8 * (child.size or 0) if bits is None else bits)
        if place < start or end > 8 * size:
            self.fail("a member outside of its structure")
        return Member(name, kind, place - start, bits)

    def aggregate(self, node: Node, place: int, path: str) -> tuple[Type, str | None]:
        """Type and name of a member whose structure gdb writes out in place."""
        if node.incomplete:
            return self.wrapped(node, IncompleteType(node.kind or "struct", node.name))
        if not node.text or node.text.isidentifier():
            inner = f"{path}{node.text}." if node.text else path
            if node.total is None or node.total != node.size:
                self.fail("a structure without its size")
            return self.structure(node, place, node.total, inner), node.text or None
        shape, name = self.wrapped(node, TypeRef(""))  # an array of anonymous structures, or a pointer to one
        size, inner = self.element_size(node, shape, f"{path}{name}")
        return self.wrapped(node, self.structure(node, 0, size, inner + "."))

    def element_size(self, node: Node, shape: Type, path: str) -> tuple[int, str]:
        """The size of an anonymous element or target, and the C expression that leads to it."""
        count = 1
        arrays_only = True
        while isinstance(shape, ArrayType | PointerType):
            path += "[0]"
            if isinstance(shape, ArrayType):
                count *= shape.count or 0
                shape = shape.element
            else:
                arrays_only = False
                shape = shape.target
        if node.total is not None:
            return node.total, path
        if arrays_only and count and node.size:
            return node.size // count, path
        if path not in self.sizes:
            self.wanted.append(path)
        return self.sizes.get(path, 1 << 40), path

    def wrapped(self, node: Node, base: Type) -> tuple[Type, str | None]:
        """A type with the declarator that stands behind its closing brace."""
        if not node.text:
            return base, None
        try:
            found = parse_declarator(node.text, base, self.abi)
        except DeclarationError as error:
            self.fail(str(error))
        if found.bits is not None:
            self.fail("a structure as bit-field")
        return found.type, found.name

    def declared(self, node: Node) -> tuple[Type, str | None, int | None]:
        """Type, name and width of a member on one line, its size checked against gdb's."""
        kind, name, bits = self.declaration(node)
        if node.size is None:
            return kind, name, bits
        kind = sized(kind, node.size)
        if bits is None and size_of(kind) not in {None, node.size}:
            self.fail(f"size {node.size} doesn't fit the type")
        return kind, name, bits

    def declaration(self, node: Node) -> tuple[Type, str | None, int | None]:
        """Type, name and width of a member as its line says them."""
        try:
            if node.base is not None:
                found = parse_declarator(node.text, node.base, self.abi)
            else:
                found = parse_declaration(node.text, self.abi)
        except DeclarationError as error:
            self.fail(str(error))
        return found.type, found.name, found.bits


def sized(kind: Type, size: int) -> Type:
    """A type with the size of the named type or enumeration that it is made of, as its own size tells."""
    match kind:
        case TypeRef(name, None):
            return TypeRef(name, size)
        case ArrayType(element, count) if count:
            return ArrayType(sized(element, size // count), count)
        case _:
            return kind
