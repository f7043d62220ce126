"""Types of an image as `crashdrive.kernel.types` has them, out of DWARF: for kernels without BTF.

gdb takes seconds for one, and minutes in another architecture's crash.

A type is found by its name (`crashdrive.kernel.debuginfo.named`). Where its first definitions differ, which
one is meant can't be told: `find` compares as many as it is asked to. What isn't understood here is an error:
gdb may know it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, Literal, TypeVar

from crashdrive.dump.elf import BadElfError
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Entry, Unit, UnknownFormError, unit_at
from crashdrive.kernel.debuginfo.named import NamedEntries
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.debuginfo.types import bounds, type_of
from crashdrive.kernel.types.declarations import Abi, base_type
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    FunctionType,
    IntType,
    Member,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    VoidType,
)

T = TypeVar("T")
_TAGS: Final[dict[int, Literal["struct", "union", "enum"]]] = {
    e.STRUCT: "struct",
    e.UNION: "union",
    e.ENUM: "enum",
}
_BY_WORD: dict[str, int] = {word: tag for tag, word in _TAGS.items()}
# so many definitions are compared as a whole
_FEW = 8
_IN_EVERY_KERNEL = "struct task_struct"
_DECLARATION, _ENCODING, _MORE = 0x3C, 0x3E, 0x18
_ENUMERATOR, _QUALIFIERS = 0x28, e.QUALIFIERS | {0x47}  # _Atomic
_BOOLEAN, _FLOAT, _SIGNED, _SIGNED_CHAR = 2, 4, 5, 6
# types nest, in sane data, some ten levels; a type is made of some thousand others at most
_DEEPEST = 64
_MOST_PARTS = 100_000
_MOST_ELEMENTS = 1 << 40
# gdb words some of the compiler's names in another way
_AS_GDB = {
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long int": "long",
    "long unsigned int": "unsigned long",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
}


class ImageTypes:
    """The types of an image or a module's file, by name; VmlinuxError where it has no debug data that can be
    read. ``suffix``: what is put behind the name (``struct priv``) of a type with a size (bytes) that another
    one refers to: that of its module, where the kernel means something else by the name. ``compared``: so
    many definitions of a name have to be alike; where it is 1, the first one is taken.
    """

    def __init__(
        self, path: str, suffix: Callable[[str, int], str] = lambda _name, _size: "", *, compared: int = 1
    ) -> None:
        self._sections = Sections(path)
        self._compared = compared
        self._suffix = suffix
        self._names = NamedEntries(self._sections)
        self._unsigned_char: bool | None = None

    @property
    def has_all(self) -> bool:
        """Whether all types of a kernel stand where they are looked for: not in units of their own, not in
        another file (dwz), not in objects (split DWARF).
        """
        if any(self._sections.has(name) for name in (".debug_types", ".gnu_debugaltlink")):
            return False
        try:
            return self.find(_IN_EVERY_KERNEL) is not None
        except VmlinuxError:
            return False

    @property
    def abi(self) -> Abi:
        """What is different between machines: whether a plain char is signed."""
        if self._unsigned_char is None:
            try:
                self._unsigned_char = _guarded(self._has_unsigned_char)
            except VmlinuxError:
                self._unsigned_char = False
        return Abi(8, not self._unsigned_char)

    def find(self, name: str) -> Type | None:
        """A type by its name (``struct sock``, ``u32``); None where the image defines none.

        VmlinuxError where what it has isn't understood, and where it defines several of that name.
        """
        word, _, plain = name.rpartition(" ")
        tag = _BY_WORD.get(word, 0) if word else e.TYPEDEF
        if not tag:
            return None

        def first() -> Type | None:
            found = list(islice(self._names.find(plain, tag), self._compared))
            kinds = [
                _Builder(unit, self.abi, self._suffix).top(entry)
                for unit, entry in (found if len(found) <= _FEW else found[:1])
            ]
            if len({_shape(entry) for _, entry in found}) > 1 or any(kind != kinds[0] for kind in kinds):
                raise VmlinuxError(f"several types are named {name}")
            return kinds[0] if kinds else None

        return _guarded(first)

    def size(self, name: str) -> int | None:
        """Bytes of the structure or union of a name; None where the image defines none. Errors as `find`."""
        word, _, plain = name.rpartition(" ")
        tag = _BY_WORD.get(word, 0)
        return _guarded(lambda: next((_size(entry) for _, entry in self._names.find(plain, tag)), None))

    def may_define(self, name: str) -> bool:
        """Whether a name is among the texts of the debug data; short ones may stand in the entries."""
        plain = name.rpartition(" ")[2].encode() + b"\0"
        places = [".debug_str", ".debug_info"] if len(plain) <= e.LONGEST_INLINE else [".debug_str"]
        return any(self._sections.holds(place, plain) for place in places)

    def enumeration(self, constant: str) -> Type | None:
        """The enumeration, named or not, that has a constant; None where it isn't found. Errors as `find`."""
        return _guarded(lambda: next(self._enumerations(constant), None))

    def _enumerations(self, constant: str) -> Iterator[Type]:
        for place in self._names.places(constant):
            unit = unit_at(self._sections, place)
            for entry in unit.at_top(e.ENUM):
                if entry.offset > place:
                    break
                if place < unit.behind(entry):
                    found = _Builder(unit, self.abi, self._suffix).enum(entry)
                    if constant in dict(found.enumerators):
                        yield found

    def _has_unsigned_char(self) -> bool:
        unit = Unit(self._sections, 0)
        end = len(self._sections.get(".debug_info"))
        while True:
            for entry in unit.at_top(e.BASE):
                if entry.attributes.get(e.NAME) == "char":
                    return entry.number(_ENCODING) != _SIGNED_CHAR
            if unit.end >= end:
                return False
            unit = Unit(self._sections, unit.end)


def _guarded(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (UnknownFormError, BadElfError, LookupError, OverflowError, struct.error) as error:
        raise VmlinuxError(f"debug data of a kind that isn't read here: {error!a}") from error


class _Builder:
    """Builds one type with all that it contains by value."""

    def __init__(self, unit: Unit, abi: Abi, suffix: Callable[[str, int], str]) -> None:
        self.unit, self.abi, self.suffix = unit, abi, suffix
        self.parts = 0

    def top(self, entry: Entry) -> Type:
        if entry.tag == e.TYPEDEF:
            final = self.final(entry)
            return TypedefType(_name(entry), VoidType() if final is None else self.top(final))
        if entry.tag == e.ENUM:
            return self.enum(entry)
        return self.type(entry, 0, by_value=True, expand=True)

    def unqualified(self, entry: Entry | None) -> Entry | None:
        for _ in range(_DEEPEST):
            if entry is None or entry.tag not in _QUALIFIERS:
                return entry
            entry = type_of(self.unit, entry)
        raise UnknownFormError

    def final(self, entry: Entry | None) -> Entry | None:
        """What is behind typedefs and qualifiers."""
        for _ in range(_DEEPEST):
            entry = self.unqualified(entry)
            if entry is None or entry.tag != e.TYPEDEF:
                return entry
            entry = type_of(self.unit, entry)
        raise UnknownFormError

    def type(  # noqa: C901, PLR0911 - one for each kind of type
        self, entry: Entry | None, depth: int, *, by_value: bool = False, expand: bool = False
    ) -> Type:
        """A type; ``by_value``: its size is known where it is named, ``expand``: a structure with members."""
        self.parts += 1
        if depth > _DEEPEST or self.parts > _MOST_PARTS:
            raise UnknownFormError
        entry = self.unqualified(entry)
        if entry is None:
            return VoidType()
        named = e.NAME in entry.attributes
        match entry.tag:
            case e.BASE:
                return self.base(entry)
            case e.POINTER:
                return PointerType(self.type(type_of(self.unit, entry), depth + 1), self.abi.word_size)
            case e.ARRAY:
                return self.array(entry, depth, by_value=by_value)
            case e.ROUTINE:
                return self.function(entry, depth)
            case e.STRUCT | e.UNION if (expand or not named) and _DECLARATION not in entry.attributes:
                return self.structure(entry, depth)
            case e.ENUM if not named:
                return self.enum(entry)
            case e.STRUCT | e.UNION | e.ENUM | e.TYPEDEF if named:
                word = _TAGS.get(entry.tag)
                shown = f"{word} {_name(entry)}" if word else _name(entry)
                if entry.tag in {e.STRUCT, e.UNION} and (size := entry.number(e.SIZE)) is not None:
                    shown += self.suffix(shown, size)
                return TypeRef(shown, self.size(entry, 0) if by_value else None)
            case _:
                raise UnknownFormError

    def base(self, entry: Entry) -> Type:
        plain, size, encoding = _name(entry), _size(entry), entry.number(_ENCODING)
        name = _AS_GDB.get(plain, plain)
        if encoding == _FLOAT:
            return FloatType(name, size)
        found = base_type(name.split(), self.abi)
        if isinstance(found, IntType) and found.size == size:
            return found
        return IntType(
            name, size, encoding in {_SIGNED, _SIGNED_CHAR}, "bool" if encoding == _BOOLEAN else "int"
        )

    def array(self, entry: Entry, depth: int, *, by_value: bool) -> Type:
        counts = bounds(self.unit, entry)
        if not counts or any(count and count > _MOST_ELEMENTS and count != 1 << 64 for count in counts):
            raise UnknownFormError
        kind = self.type(type_of(self.unit, entry), depth + 1, by_value=by_value)
        for count in reversed(counts):
            # an upper bound of -1 is that of no elements
            kind = ArrayType(kind, None if not count or count == 1 << 64 else count)
        return kind

    def function(self, entry: Entry, depth: int) -> FunctionType:
        given, variadic = list[Type](), False
        for child in self.unit.children(entry):
            if child.tag == e.PARAMETER:
                given.append(self.type(type_of(self.unit, child), depth + 1))
            variadic = variadic or child.tag == _MORE
        return FunctionType(self.type(type_of(self.unit, entry), depth + 1), tuple(given), variadic)

    def enum(self, entry: Entry) -> EnumType:
        values: list[tuple[str, int]] = []
        for child in self.unit.children(entry):
            if child.tag == _ENUMERATOR:
                value = child.number(e.CONST_VALUE)
                if value is None:
                    raise UnknownFormError
                values.append((_name(child), value))
        name = entry.attributes.get(e.NAME)
        signed = any(value < 0 for _, value in values)
        return EnumType(name if isinstance(name, str) else None, _size(entry), signed, tuple(values))

    def structure(self, entry: Entry, depth: int) -> StructType:
        size = _size(entry)
        children = (child for child in self.unit.children(entry) if child.tag == e.MEMBER)
        members = tuple(self.member(child, size, depth) for child in children)
        name = entry.attributes.get(e.NAME)
        kind: Literal["struct", "union"] = "union" if entry.tag == e.UNION else "struct"
        return StructType(kind, name if isinstance(name, str) else None, size, members)

    def member(self, entry: Entry, outer: int, depth: int) -> Member:
        name, target = entry.attributes.get(e.NAME), type_of(self.unit, entry)
        kind = self.type(target, depth + 1, by_value=True, expand=True)
        bits, offset = self.place(entry, target)
        size = self.size(self.unqualified(target), 0)
        if offset < 0 or offset + (bits or 8 * size) > 8 * outer:
            raise UnknownFormError
        return Member(name if isinstance(name, str) else None, kind, offset, bits)

    def place(self, entry: Entry, target: Entry | None) -> tuple[int | None, int]:
        """The bits of a bit-field, and where a member begins, in bits.

        DWARF 4 counts a bit-field's place from the highest bit of what it is stored in; DWARF 5 from the
        beginning of the structure, on big-endian machines too in the order of memory.
        """
        at = entry.attributes.get(e.MEMBER_AT, 0)
        if not isinstance(at, int):
            raise UnknownFormError
        bits = entry.number(e.BIT_SIZE)
        if bits is None:
            return None, 8 * at
        if (whole := entry.number(e.DATA_BIT_OFFSET)) is not None:
            return bits, whole
        if (high := entry.number(e.BIT_OFFSET)) is None:
            return bits, 8 * at
        if self.unit.sections.order == ">":
            return bits, 8 * at + high
        stored = entry.number(e.SIZE) or self.size(self.unqualified(target), 0)
        return bits, 8 * (at + stored) - high - bits

    def size(self, entry: Entry | None, depth: int) -> int:
        """Bytes of a type that is used by value."""
        entry = self.final(entry)
        if entry is None or depth > _DEEPEST or _DECLARATION in entry.attributes:
            raise UnknownFormError
        if entry.tag == e.POINTER:
            return self.abi.word_size
        if entry.tag == e.ARRAY:
            size = self.size(type_of(self.unit, entry), depth + 1)
            for count in bounds(self.unit, entry):
                size *= 0 if not count or count == 1 << 64 else count
            return size
        return _size(entry)


def _name(entry: Entry) -> str:
    name = entry.attributes.get(e.NAME)
    if not isinstance(name, str) or not name:
        raise UnknownFormError
    return name


def _shape(entry: Entry) -> tuple[int | None, int | None]:
    """What definitions of one type have in common wherever it is included: its size and its line."""
    return entry.number(e.SIZE), entry.number(e.DECL_LINE)


def _size(entry: Entry) -> int:
    size = entry.number(e.SIZE)
    if size is None:
        raise UnknownFormError
    return size
