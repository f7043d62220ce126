"""Types out of BTF, the compact debug data that kernels carry in their own memory: Documentation/bpf/btf.rst.

A module's BTF continues that of vmlinux: its type ids and offsets of names go on where those end. Whatever
it defines itself gets the module's name behind its own, ``struct send_queue@virtio_net``: other modules, and
vmlinux, may have something else of that name.

BTF keeps less than DWARF: arrays of several dimensions come as one, ``x[0]`` is not told from ``x[]``.
"""

from __future__ import annotations

import contextlib
import re
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, Literal, NamedTuple

from crashdrive.errors import KernelError
from crashdrive.kernel.types.declarations import LINUX_64, Abi, base_type
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    FunctionType,
    IncompleteType,
    IntType,
    Member,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    VoidType,
)

_MAGIC = 0xEB9F
_HEADER = struct.Struct("HBBIIIII")
# what a kernel accepts, include/uapi/linux/btf.h: BTF_MAX_TYPE, BTF_MAX_NAME_OFFSET, with room to grow
_MOST_TYPES = 1 << 22
_MOST_BYTES = 1 << 28
# types nest, in sane data, some ten levels; a type is made of some thousand others at most
_DEEPEST = 64
_MOST_PARTS = 100_000
_MOST_COMPARED = 50_000
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


class Kind:
    """BTF_KIND_*: plain numbers, for speed."""

    INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST = range(1, 11)
    RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(11, 20)


_TRANSPARENT = frozenset({Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG})
# words behind a type's first three: in all, and for each of its vlen parts
_FIXED = {Kind.INT: 1, Kind.ARRAY: 3, Kind.VAR: 1, Kind.DECL_TAG: 1}
_EACH = {Kind.STRUCT: 3, Kind.UNION: 3, Kind.ENUM: 2, Kind.FUNC_PROTO: 2, Kind.DATASEC: 3, Kind.ENUM64: 3}
_TAGS: Final[dict[int, Literal["struct", "union", "enum"]]] = {
    Kind.STRUCT: "struct",
    Kind.UNION: "union",
    Kind.ENUM: "enum",
    Kind.ENUM64: "enum",
}
_NAMED = frozenset({*_TAGS, Kind.TYPEDEF})
_SIGNED, _BOOL = 1, 4
# gdb words some of the compiler's names in another way
_AS_GDB = {
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long int": "long",
    "long unsigned int": "unsigned long",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
}


class Record(NamedTuple):
    """A type as it is written; ``size``: the size in bytes or the id of another type, as the kind has it."""

    kind: int
    name: str | None
    flag: bool
    size: int
    extra: Sequence[int]


_VOID = Record(0, None, flag=False, size=0, extra=())


class Btf:
    """The types in a piece of BTF, by id and by name (``struct sock``, ``u32``).

    ``base`` is what it continues, ``name`` the module's; both None for vmlinux. KernelError for what is no
    BTF, here or when a type is asked for.
    """

    def __init__(
        self, data: bytes, base: Btf | None = None, name: str | None = None, abi: Abi = LINUX_64
    ) -> None:
        self.name = name
        self.base = base
        self.first = base.end if base else 1
        self._first_text = base.end_text if base else 0
        order = self._order(data)
        self._words, self._texts = self._sections(data, order)
        self._starts = self._index()
        self.abi: Abi = base.abi if base else Abi(abi.word_size, self._char_signed(abi))

    @property
    def end(self) -> int:
        """The first id behind these types."""
        return self.first + len(self._starts)

    @property
    def end_text(self) -> int:
        """The first offset behind these names."""
        return self._first_text + len(self._texts)

    @cached_property
    def named(self) -> dict[str, tuple[int, ...]]:
        """What is defined here, by name; a name may have several definitions."""
        found: dict[str, tuple[int, ...]] = {}
        for number, at in enumerate(self._starts, self.first):
            if self._words[at + 1] >> 24 & 0x7F in _NAMED and self._words[at]:
                record = self.record(number)
                name = _spelled(record.kind, record.name or "")
                if record.extra or record.kind not in {Kind.ENUM, Kind.ENUM64}:  # else it is only declared
                    found[name] = (*found.get(name, ()), number)
        return found

    def with_constant(self, name: str) -> tuple[int, ...]:
        """The ids of the enumerations, named or not, that have a constant of this name."""
        at = self._texts.find(b"\0" + name.encode() + b"\0")
        offset = self._first_text + at + 1
        return tuple(
            number
            for number, start in enumerate(self._starts, self.first)
            if at >= 0 and self._words[start + 1] >> 24 & 0x7F in {Kind.ENUM, Kind.ENUM64}
            and offset in (record := self.record(number)).extra[:: _EACH[record.kind]]
        )  # fmt: skip

    def type(self, number: int, *, origins: bool = False) -> Type:
        """The type with an id, as `Layouts` has types: a typedef with what it finally stands for.

        ``origins``: arrays say of which member they are the type (`ArrayType.origin`).
        """
        return _Builder(self, origins=origins).top(number)

    def record(self, number: int) -> Record:
        """A type as it is written; ids below those of this piece are the base's."""
        if self.base and number < self.first:
            return self.base.record(number)
        if not self.first <= number < self.end:
            raise self.damaged(f"no type {number}")
        at = self._starts[number - self.first]
        text, info, size = self._words[at : at + 3]
        kind, count = info >> 24 & 0x7F, info & 0xFFFFFF
        extra = self._words[at + 3 : at + 3 + _length(kind, count)]
        return Record(kind, self.text(text) or None, bool(info >> 31), size, extra)

    def text(self, offset: int) -> str:
        """The name at an offset; empty for none."""
        if self.base and offset < self._first_text:
            return self.base.text(offset)
        at = offset - self._first_text
        end = self._texts.find(b"\0", at) if at < len(self._texts) else -1
        found = self._texts[at:end].decode("ascii", "replace")
        if end < 0 or (found and not _IDENTIFIER.fullmatch(found) and not _is_base(found)):
            raise self.damaged(f"{found[:80]!a} at {offset} is no name")
        return found

    def damaged(self, reason: str) -> KernelError:
        """An error that says whose BTF it is."""
        return KernelError(f"the BTF of {self.name or 'vmlinux'} is damaged: {reason}")

    def _order(self, data: bytes) -> str:
        for order in ("<", ">"):
            if data[:2] == struct.pack(order + "H", _MAGIC):
                return order
        raise self.damaged("it doesn't begin as BTF does")

    def _sections(self, data: bytes, order: str) -> tuple[array[int], bytes]:
        header = struct.Struct(order + _HEADER.format)
        if len(data) < header.size or len(data) > _MOST_BYTES:
            raise self.damaged(f"{len(data)} bytes")
        _, _, _, length, types, types_size, texts, texts_size = header.unpack_from(data)
        if types_size % 4 or max(types + types_size, texts + texts_size) + length > len(data):
            raise self.damaged("its parts are larger than the whole")
        words = array("I", data[length + types : length + types + types_size])
        if (order == "<") != (sys.byteorder == "little"):
            words.byteswap()
        return words, data[length + texts : length + texts + texts_size]

    def _index(self) -> array[int]:
        """Where each type begins."""
        words, at, end = self._words, 0, len(self._words)
        starts = array("I")
        while at < end:
            starts.append(at)
            info = words[at + 1] if at + 3 <= end else 0
            kind = info >> 24 & 0x7F
            if not Kind.INT <= kind <= Kind.ENUM64 or len(starts) > _MOST_TYPES:
                raise self.damaged(f"kind {kind} of type {self.first + len(starts) - 1}")
            at += 3 + _FIXED.get(kind, 0) + _EACH.get(kind, 0) * (info & 0xFFFFFF)
        if at != end:
            raise self.damaged("its last type isn't whole")
        return starts

    def _char_signed(self, abi: Abi) -> bool:
        """Whether a plain char is signed in this kernel; as ``abi`` has it where BTF doesn't tell."""
        signed = self._signs_of_chars.get("char")
        return abi.char_signed if signed is None or not self.tells_char else signed

    @cached_property
    def tells_char(self) -> bool:
        """Whether it says if a char is signed: pahole of 2021 marked none, not even a ``signed char``."""
        return self._signs_of_chars.get("signed char", True)

    @cached_property
    def _signs_of_chars(self) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for number, at in enumerate(self._starts, self.first):
            if self._words[at + 1] >> 24 & 0x7F == Kind.INT:
                record = self.record(number)
                if record.name in {"char", "signed char"}:
                    found.setdefault(record.name, bool(record.extra[0] >> 24 & _SIGNED))
        return found

    @cached_property
    def tells_signs(self) -> bool:
        """Whether enumerations say if they are signed: since 6.0 (6089fb325cf7), with 64-bit ones."""
        marked = any(
            (kind := (info := self._words[at + 1]) >> 24 & 0x7F) == Kind.ENUM64
            or (kind == Kind.ENUM and info >> 31)
            for at in self._starts
        )
        return marked or bool(self.base and self.base.tells_signs)


def same(one: tuple[Btf, int], other: tuple[Btf, int]) -> bool:
    """Whether two types, by BTF and id, are the same with all that they lead to.

    A declaration counts as the same as any definition of its name.
    """
    (ours, first), (theirs, second) = one, other
    ahead, seen = [(first, second)], {(first, second)}
    while ahead and len(seen) <= _MOST_COMPARED:
        left, right = (_unqualified(btf, n) for btf, n in zip((ours, theirs), ahead.pop(), strict=True))
        if left == right and left < ours.first and right < theirs.first:
            continue
        shape, targets = _shape(ours, left)
        shape2, targets2 = _shape(theirs, right)
        if shape != shape2:
            if not _declares(shape, shape2):
                return False
            continue
        fresh = [pair for pair in zip(targets, targets2, strict=True) if pair not in seen]
        seen.update(fresh)
        ahead += fresh
    return not ahead


def _shape(btf: Btf, number: int) -> tuple[tuple[object, ...], tuple[int, ...]]:
    """What a type is by itself, and the ids of the types that it is made of."""
    kind, name, flag, size, extra = btf.record(number) if number else _VOID
    match kind:
        case Kind.STRUCT | Kind.UNION:
            names = tuple(map(btf.text, extra[::3]))
            return (kind, name, flag, size, names, tuple(extra[2::3])), tuple(extra[1::3])
        case Kind.ENUM | Kind.ENUM64:
            values = [extra[at] for at in range(len(extra)) if at % _EACH[kind]]
            return (kind, name, flag, size, tuple(map(btf.text, extra[:: _EACH[kind]])), tuple(values)), ()
        case Kind.FUNC_PROTO:
            return (kind, len(extra)), (size, *extra[1::2])
        case Kind.ARRAY:
            return (kind, extra[2]), (extra[0],)
        case Kind.PTR | Kind.TYPEDEF:
            return (kind, name), (size,)
        case _:
            return (kind, name, flag, size, *extra), ()


def _declares(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether one of two shapes is a declaration of the other."""
    for left, right in ((one, other), (other, one)):
        if left[0] == Kind.FWD and right[0] == (Kind.UNION if left[2] else Kind.STRUCT):
            return left[1] == right[1]
    return False


def _unqualified(btf: Btf, number: int) -> int:
    for _ in range(_DEEPEST):
        if not number or (record := btf.record(number)).kind not in _TRANSPARENT:
            return number
        number = record.size
    raise btf.damaged("a type is defined by itself")


class _Builder:
    """Builds one type with all that it contains by value."""

    def __init__(self, btf: Btf, *, origins: bool = False) -> None:
        self.btf = btf
        self.parts = 0
        # the innermost structure or typedef with a name that is being built, and the path within it
        self.origins = origins
        self.outer = self.path = ""

    def top(self, number: int) -> Type:
        record = self.btf.record(number)
        if record.kind == Kind.TYPEDEF:
            name = self.own(number, record.name or "")
            self.outer = self.outer or name
            return TypedefType(name, self.top(self.final(number)))
        if record.kind in {Kind.STRUCT, Kind.UNION} and record.name:
            self.outer = self.own(number, _spelled(record.kind, record.name))
        if record.kind in {Kind.ENUM, Kind.ENUM64}:
            return self.enum(number, record)
        return self.type(number, 0, by_value=True, expand=True)

    def final(self, number: int) -> int:
        """What is behind typedefs and qualifiers."""
        for _ in range(_DEEPEST):
            number = _unqualified(self.btf, number)
            if not number or (record := self.btf.record(number)).kind != Kind.TYPEDEF:
                return number
            number = record.size
        raise self.btf.damaged("a typedef is defined by itself")

    def own(self, number: int, name: str) -> str:
        """A name, with the module's where the module defined it."""
        mine = self.btf.name is not None and number >= self.btf.first
        return f"{name}@{self.btf.name}" if mine and name else name

    def type(  # noqa: PLR0911, C901 - one for each kind of type
        self, number: int, depth: int, *, by_value: bool = False, expand: bool = False
    ) -> Type:
        """A type; ``by_value``: its size is known where it is named, ``expand``: a structure with members."""
        self.parts += 1
        if depth > _DEEPEST or self.parts > _MOST_PARTS:
            raise self.btf.damaged("a type is made of too many others")
        number = _unqualified(self.btf, number)
        if not number:
            return VoidType()
        record = self.btf.record(number)
        kind, name, _, size, extra = record
        match kind:
            case Kind.INT | Kind.FLOAT:
                return self.base(record)
            case Kind.PTR:
                return PointerType(self.type(size, depth + 1), self.btf.abi.word_size)
            case Kind.ARRAY:
                return self.array(extra, depth, by_value=by_value)
            case Kind.FUNC_PROTO:
                return self.function(record, depth)
            case Kind.FWD:
                return self.declared(record)
            case Kind.STRUCT | Kind.UNION if expand or name is None:
                return self.structure(number, record, depth)
            case Kind.ENUM | Kind.ENUM64 if name is None:
                return self.enum(number, record)
            case kind if kind in _NAMED:
                shown = self.own(number, _spelled(kind, name or ""))
                return TypeRef(shown, self.size(number, 0) if by_value else None)
            case _:
                raise self.btf.damaged(f"kind {kind} of type {number} is no type of data")

    def array(self, extra: Sequence[int], depth: int, *, by_value: bool) -> ArrayType:
        origin = f"{self.outer}{self.path}" if self.origins and self.outer else None
        with self.within(self.outer, f"{self.path}[0]"):
            element = self.type(extra[0], depth + 1, by_value=by_value)
        return ArrayType(element, extra[2] or None, origin)

    @contextlib.contextmanager
    def within(self, outer: str, path: str) -> Iterator[None]:
        """While what is built stands there."""
        before = self.outer, self.path
        self.outer, self.path = outer, path
        try:
            yield
        finally:
            self.outer, self.path = before

    def base(self, record: Record) -> Type:
        name, size = _AS_GDB.get(record.name or "", record.name or ""), record.size
        if record.kind == Kind.FLOAT:
            return FloatType(name, size)
        found = base_type(name.split(), self.btf.abi)
        if isinstance(found, IntType) and found.size == size:
            return found
        marks = record.extra[0] >> 24
        return IntType(name, size, bool(marks & _SIGNED), "bool" if marks & _BOOL else "int")

    def declared(self, record: Record) -> Type:
        """A structure that isn't defined here, or at least not in sight of who declared it."""
        name = f"{'union' if record.flag else 'struct'} {record.name}"
        return TypeRef(f"{name}@{self.btf.name}" if self.btf.base and name in self.btf.named else name)

    def function(self, record: Record, depth: int) -> FunctionType:
        parameters = list(record.extra[1::2])
        variadic = bool(parameters) and not parameters[-1]
        given = parameters[:-1] if variadic else parameters
        with self.within("", ""):
            returns = self.type(record.size, depth + 1)
            return FunctionType(returns, tuple(self.type(n, depth + 1) for n in given), variadic)

    def enum(self, number: int, record: Record) -> EnumType | IncompleteType:
        name = self.own(number, record.name or "") or None
        if not record.extra:
            return IncompleteType("enum", name)
        values = tuple(self.enumerators(record))
        signed = any(value < 0 for _, value in values)
        return EnumType(name, record.size, signed, values)

    def enumerators(self, record: Record) -> Iterator[tuple[str, int]]:
        step = _EACH[record.kind]
        bits = 64 if record.kind == Kind.ENUM64 else 32
        signed = record.flag or not self.btf.tells_signs
        for at in range(0, len(record.extra), step):
            name, low, *high = record.extra[at : at + step]
            value = low | sum(high) << 32
            yield self.btf.text(name), value - (1 << bits) if signed and value >> bits - 1 else value

    def structure(self, number: int, record: Record, depth: int) -> StructType:
        extra = record.extra
        members = tuple(
            self.member(record, *extra[at : at + 3], depth=depth) for at in range(0, len(extra), 3)
        )
        name = self.own(number, record.name or "") or None
        return StructType("struct" if record.kind == Kind.STRUCT else "union", name, record.size, members)

    def member(self, outer: Record, text: int, number: int, place: int, *, depth: int) -> Member:
        name = self.btf.text(text) or None
        offset, bits = (place & 0xFFFFFF, place >> 24) if outer.flag else (place, 0)
        inner = self.final(number)
        if inner and not bits and (found := self.btf.record(inner)).kind == Kind.INT:
            # the older form of a bit-field: an integer of so many bits, so far from its start
            start, width = found.extra[0] >> 16 & 0xFF, found.extra[0] & 0xFF
            offset, bits = offset + start, width if width != 8 * found.size else 0
        kind = self.member_type(name, number, depth)
        if isinstance(kind, VoidType | FunctionType | IncompleteType):
            raise self.btf.damaged(f"member {name} without a size")
        if offset + (bits or 8 * self.size(number, 0)) > 8 * outer.size:
            raise self.btf.damaged(f"member {name} lies outside of its structure")
        return Member(name, kind, offset, bits or None)

    def member_type(self, name: str | None, number: int, depth: int) -> Type:
        """A member's type; arrays in it know the innermost structure with a name that they are members of."""
        inner = _unqualified(self.btf, number)
        record = self.btf.record(inner) if inner else _VOID
        outer, path = self.outer, self.path if name is None else f"{self.path}.{name}"
        if record.kind in {Kind.STRUCT, Kind.UNION} and record.name:
            outer, path = self.own(inner, _spelled(record.kind, record.name)), ""
        with self.within(outer, path):
            return self.type(number, depth + 1, by_value=True, expand=True)

    def size(self, number: int, depth: int) -> int:
        """Bytes of a type that is used by value."""
        number = self.final(number)
        record = self.btf.record(number) if number else None
        if record is None or depth > _DEEPEST or record.kind in {Kind.FWD, Kind.FUNC_PROTO}:
            raise self.btf.damaged(f"type {number} has no size")
        if record.kind == Kind.PTR:
            return self.btf.abi.word_size
        if record.kind == Kind.ARRAY:
            return record.extra[2] * self.size(record.extra[0], depth + 1)
        return record.size


def _length(kind: int, count: int) -> int:
    return _FIXED.get(kind, 0) + _EACH.get(kind, 0) * count


def _spelled(kind: int, name: str) -> str:
    return f"{_TAGS[kind]} {name}" if kind in _TAGS else name


def _is_base(name: str) -> bool:
    return all(map(str.isidentifier, name.split(" ")))
