"""The members of a structure in the dump's memory, as rows; pointers are links to what they point to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import CrashdriveError, FaultError
from crashdrive.kernel.objects import Object
from crashdrive.kernel.show import shown_value
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FunctionType,
    IncompleteType,
    IntType,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    VoidType,
    type_name,
)
from crashdrive.kernel.types.paths import Place, bare
from crashdrive.serve.exchange import Asked
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.linux.kernel import Kernel

MOST_MEMBERS = 4000
"""Rows of one page, at most; structures within structures are then shown on pages of their own."""
_DEPTH = 2  # structures further inside lead to pages of their own
_ELEMENTS = 16
_MOST_CHARACTERS = 300
_KERNEL_LEAST = 4096  # a pointer below is an error code, NULL or an offset
_LINKS = ("list_head", "hlist_node", "rb_node", "llist_node", "hlist_nulls_node")


class Link(NamedTuple):
    """Where a value leads: ``sure`` False where what lies there is a guess."""

    text: str
    url: str
    sure: bool = True


class MemberRow(NamedTuple):
    """A member: how deep it lies, where, what it is called, its type and its value."""

    depth: int
    offset: int
    name: str
    type: str
    value: str
    links: tuple[Link, ...] = ()
    missing: bool = False


class Members(NamedTuple):
    """All rows; ``complete`` False where memory is missing; ``cut``: there are more rows."""

    rows: list[MemberRow]
    complete: bool
    cut: bool


def members_of(asked: Asked, kernel: Kernel, value: Object) -> Members:
    """The members of a structure, or the one row of anything else."""
    if value.address_ is not None and value.size_:
        kernel.prefetch([(value.address_, value.size_)])
    walk = _Walk(asked, kernel, value)
    rows = list(walk.rows())
    return Members(rows, not any(row.missing for row in rows), walk.cut)


class _Walk:
    def __init__(self, asked: Asked, kernel: Kernel, top: Object) -> None:
        self._asked = asked
        self._kernel = kernel
        self._top = top
        self._count = 0
        self.cut = False

    def rows(self) -> Iterator[MemberRow]:
        """The rows from the top down."""
        kind = self._bare(self._top)
        if isinstance(kind, StructType):
            yield from self._inside(self._top, kind, 0, "")
        else:
            yield from self._row(self._top, "", "", 0)

    def _inside(self, value: Object, kind: StructType, depth: int, path: str) -> Iterator[MemberRow]:
        for member in kind.members:
            found = value.at_(Place(member.type, member.bit_offset, member.bit_size))
            name = member.name or ""
            inner = f"{path}.{name}".strip(".") if name else path
            yield from self._row(found, name, inner, depth)

    def _row(self, value: Object, name: str, path: str, depth: int) -> Iterator[MemberRow]:
        if self._count >= MOST_MEMBERS:
            self.cut = True
            return
        self._count += 1
        offset = (value.address_ or 0) - (self._top.address_ or 0)
        kind = self._bare(value)
        told = type_name(value.type_)
        if isinstance(kind, StructType) and name is not None:
            yield from self._structure(value, kind, MemberRow(depth, offset, name, told, ""), path)
        elif isinstance(kind, ArrayType) and isinstance(element := self._of(kind.element), StructType):
            yield from self._array(value, kind, element, MemberRow(depth, offset, name, told, ""), path)
        else:
            said, missing = self._said(value)
            links = () if missing else tuple(self._links(value, kind, path))
            yield MemberRow(depth, offset, name, told, said, links, missing)

    def _structure(self, value: Object, kind: StructType, row: MemberRow, path: str) -> Iterator[MemberRow]:
        named = _name(value.type_) or _name(kind)
        link = self._page(named, value.address_) if named else None
        links = (Link("{...}", link),) if link else ()
        expands = row.depth < _DEPTH or named is None or kind.name in _LINKS
        yield row._replace(value="" if expands or links else "{...}", links=links)
        if expands:
            yield from self._inside(value, kind, row.depth + 1, path)

    def _array(
        self, value: Object, kind: ArrayType, element: StructType, row: MemberRow, path: str
    ) -> Iterator[MemberRow]:
        count = kind.count or 0
        named = _name(kind.element) or _name(element)
        shown = min(count, MOST_MEMBERS if value is self._top else _ELEMENTS)  # of a page's own array all
        links = (Link("[...]", self._page(type_name(kind), value.address_)),) if count > shown else ()
        yield row._replace(value=f"{count} elements" if count else "", links=links)
        if value.in_array_ and value.kernel_.layouts.flattens:
            return
        for at in range(shown):
            if self.cut:
                return
            item = Object(
                self._kernel, kind.element, (value.address_ or 0) + at * self._kernel.sizeof(kind.element)
            )
            if row.depth >= _DEPTH and named:
                offset = (item.address_ or 0) - (self._top.address_ or 0)
                link = Link("{...}", self._page(named, item.address_))
                yield MemberRow(row.depth + 1, offset, f"[{at}]", named, "", (link,))
            else:
                yield from self._row(item, f"[{at}]", f"{path}[{at}]", row.depth + 1)

    def _said(self, value: Object) -> tuple[str, bool]:
        """The value as text; whether the dump lacks it."""
        try:
            if value.address_ is not None and value.size_:
                value.kernel_.read(value.address_, value.size_)
            text = shown_value(value)
        except FaultError as error:
            return f"not in the dump: {printable(error.reason)}", True
        except CrashdriveError as error:
            return printable(str(error)), True
        return (text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."), False

    def _links(self, value: Object, kind: Type, path: str) -> Iterator[Link]:
        if not isinstance(kind, PointerType):
            return
        address = int(value)
        if address < _KERNEL_LEAST or address >= (1 << 64) - _KERNEL_LEAST:
            return
        target = _pointed(kind.target)
        if target is None:
            yield Link("bytes", self._asked.link("bytes", address=f"{address:x}"))
            return
        yield Link(target, self._page(target, address))
        yield from self._containers(address, kind.target, path)

    def _containers(self, address: int, target: Type, path: str) -> Iterator[Link]:
        """A list leads to its next member, and what that lies in is mostly as this one."""
        own = _name(self._top.type_)
        node, _, link = path.rpartition(".")
        if own is None or not node or link not in ("next", "prev", "rb_left", "rb_right"):
            return
        if (_name(target) or "").removeprefix("struct ") not in _LINKS:
            return
        try:
            offset = self._kernel.offset(own, node)
        except CrashdriveError:
            return
        yield Link(f"as {own}", self._page(own, address - offset), sure=False)

    def _page(self, name: str, address: int | None) -> str:
        return self._asked.link("structure", type=name, address=f"{address or 0:x}")

    def _bare(self, value: Object) -> Type:
        return self._of(value.type_)

    def _of(self, kind: Type) -> Type:
        try:
            return bare(self._kernel.layouts, kind)
        except CrashdriveError:
            return VoidType()


def _pointed(target: Type) -> str | None:
    """The name of what a pointer points to, as a page can show it; None: bytes."""
    if isinstance(target, VoidType | FunctionType | IncompleteType):
        return None
    if isinstance(target, IntType) and target.size == 1:
        return None
    return type_name(target) if not isinstance(target, StructType | EnumType) or target.name else None


def _name(kind: Type) -> str | None:
    """A type's name, None of one without."""
    match kind:
        case TypeRef(name=name) | TypedefType(name=name):
            return name
        case StructType(kind=keyword, name=str(name)):
            return f"{keyword} {name}"
        case _:
            return None
