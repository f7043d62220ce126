"""Typed values in the dump's memory, used as in C.

::

    task = kernel.object("struct task_struct", address)
    task.comm.string_()              # text, cut at the NUL
    task.mm.pgd                      # a dot follows members and pointers alike
    task.signal.rlim[7].rlim_cur     # arrays and pointers by index
    container_of(pointer, "struct task_struct", "tasks")

All names of ours end in one underscore, so that every member of the kernel's keeps its own name; one that
can't be spelled as an attribute is reached by ``object_["name"]``. Nothing is read before it is needed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from typing import Any, Literal, Protocol, overload

from crashdrive.errors import ArgumentError, FaultError, UnknownMemberError
from crashdrive.kernel.memory.columns import Field, field_of, scalar_code, text, unpacker
from crashdrive.kernel.space import Space
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    Type,
    TypeRef,
    VoidType,
    type_name,
)
from crashdrive.kernel.types.paths import Place, bare, find, flattened, place_of, sizeof
from crashdrive.text import printable

# Longer strings than this are no strings.
STRING_LIMIT = 1 << 20
_STRING_STEP = 256


class Owner(Space, Protocol):
    """The program whose object it is; it also says how objects look."""

    def shown(self, value: Object) -> str: ...
    def shown_value(self, value: Object) -> str: ...


class Object:
    """A value of a C type at an address in the dump, or one that was computed (``address_`` None)."""

    __slots__ = ("address_", "bits_", "in_array_", "kernel_", "known_", "type_")

    def __init__(
        self,
        kernel: Owner,
        kind: Type,
        address: int | None = None,
        *,
        bits: tuple[int, int] | None = None,
        value: float | None = None,
        in_array: bool = False,
    ) -> None:
        self.kernel_ = kernel
        self.type_ = kind
        self.address_ = address
        # (bit offset inside the byte at `address_`, number of bits) of a bit-field
        self.bits_ = bits
        self.known_ = value
        # an index into it may mean a second dimension, or what a pointer points to
        self.in_array_ = in_array

    # Types

    @property
    def type_name_(self) -> str:
        """The type as C has it: ``struct task_struct *``."""
        return type_name(self.bare_() if isinstance(self.type_, ArrayType) else self.type_)

    @property
    def size_(self) -> int:
        """Size in bytes."""
        return sizeof(self.kernel_.layouts, self.type_)

    def bare_(self) -> Type:
        """The type behind typedefs and references."""
        return bare(self.kernel_.layouts, self.type_)

    # Members

    def __getattr__(self, name: str) -> Object:
        if name in Object.__slots__ or (name.startswith("__") and name.endswith("__")):
            # asked by copy and such, of an object that isn't finished yet
            raise AttributeError(name)
        return self.member_(name)

    def __copy__(self) -> Object:
        return self

    def __deepcopy__(self, memo: object) -> Object:
        return self

    def __reduce__(self) -> str:
        raise TypeError("objects of a dump live as long as its session: keep their value_() and address_")

    @overload
    def __getitem__(self, key: int) -> Object: ...
    @overload
    def __getitem__(self, key: str) -> Object: ...
    @overload
    def __getitem__(self, key: slice) -> list[Object]: ...
    def __getitem__(self, key: int | str | slice) -> Object | list[Object]:
        if isinstance(key, str):
            return self.member_(key)
        if isinstance(key, slice):
            return [self.element_(i) for i in range(*key.indices(len(self)))]
        return self.element_(operator.index(key))

    def member_(self, path: str) -> Object:
        """A member by its path (``a.b[2].c``), through pointers where there are any; UnknownMemberError."""
        kind = self.bare_()
        if isinstance(kind, PointerType):
            # The type is asked first: a wrong name is a wrong name, also behind a NULL pointer.
            target = bare(self.kernel_.layouts, kind.target)
            place = place_of(self.kernel_.layouts, target, path)
            return self.deref_().at_(place)
        return self.at_(place_of(self.kernel_.layouts, kind, path))

    def at_(self, place: Place) -> Object:
        """What lies at a place that `crashdrive.kernel.types.paths.find` gave for its type."""
        if self.address_ is None:
            raise UnknownMemberError(f"a computed {self.type_name_} has no members")
        found = Object(
            self.kernel_,
            place.type,
            self.address_ + place.offset,
            bits=None if place.bit_size is None else (place.bit_offset & 7, place.bit_size),
        )
        return found.member_(place.rest) if place.rest else found

    def element_(self, index: int) -> Object:
        """An array's element, or what lies ``index`` elements behind a pointer; IndexError past the end."""
        kind = self.bare_()
        if self.in_array_ and self.kernel_.layouts.flattens:
            raise flattened(f"[{index}] of {self.type_name_}")
        if isinstance(kind, PointerType):
            return self.deref_(index)
        if not isinstance(kind, ArrayType):
            raise TypeError(f"{self.type_name_} has no elements")
        # an array of no or one element at a structure's end is an older form of x[]
        if kind.count is not None and (kind.count > 1 or index < 0):
            if not -kind.count <= index < kind.count:
                raise IndexError(f"{self.type_name_} has no element [{index}]")
            index %= kind.count
        if self.address_ is None:
            raise TypeError(f"a computed {self.type_name_} has no elements")
        address = self.address_ + index * sizeof(self.kernel_.layouts, kind.element)
        return Object(self.kernel_, kind.element, address, in_array=True)

    def deref_(self, index: int = 0) -> Object:
        """What a pointer points to, ``index`` elements further on; FaultError for NULL."""
        kind = self.bare_()
        if not isinstance(kind, PointerType):
            raise TypeError(f"{self.type_name_} is no pointer")
        address = int(self)
        if not address:
            at = "" if self.address_ is None else f" at {self.address_:#x}"
            raise FaultError(f"the {self.type_name_}{at} is NULL", 0, 0, "NULL pointer")
        return Object(self.kernel_, kind.target, address + index * sizeof(self.kernel_.layouts, kind.target))

    def members_(self) -> list[str]:
        """Names of the members, also of those behind a pointer; empty for everything else."""
        kind = self.bare_()
        if isinstance(kind, PointerType):
            kind = bare(self.kernel_.layouts, kind.target)
        return [leaf[0] for leaf in kind.leaves()] if isinstance(kind, StructType) else []

    def __dir__(self) -> list[str]:
        return sorted({*self.members_(), *super().__dir__()})

    def has_member_(self, path: str) -> bool:
        """Whether there is such a member."""
        try:
            find(self.kernel_.layouts, self._structure(), path)
        except UnknownMemberError:
            return False
        return True

    def _structure(self) -> Type:
        kind = self.bare_()
        return bare(self.kernel_.layouts, kind.target) if isinstance(kind, PointerType) else kind

    # Pointers

    def address_of_(self) -> Object:
        """A pointer to it."""
        if self.address_ is None or self.bits_ is not None:
            raise TypeError(f"{self.type_name_} has no address")
        pointer = PointerType(_named(self.type_), self.kernel_.pointer_size)
        return Object(self.kernel_, pointer, value=self.address_)

    def cast_(self, kind: str | Type) -> Object:
        """The same bits as another type: a value stays a value, what has an address is looked at anew."""
        wanted = self.kernel_.type(kind) if isinstance(kind, str) else kind
        target = bare(self.kernel_.layouts, wanted)
        if scalar_code(target) is None or (scalar_code(self.bare_()) is None and self.address_ is not None):
            if self.address_ is None:
                raise TypeError(f"a computed {self.type_name_} can't be a {type_name(wanted)}")
            return Object(self.kernel_, wanted, self.address_)
        return Object(self.kernel_, wanted, value=_converted(self.value_(), target))

    def container_of_(self, kind: str | Type, member: str) -> Object:
        """The structure of type ``kind`` whose ``member`` this object is, or this pointer points to."""
        wanted = self.kernel_.type(kind) if isinstance(kind, str) else kind
        place = find(self.kernel_.layouts, wanted, member)
        start = int(self) if isinstance(self.bare_(), PointerType) else self.address_
        if start is None or place.rest:
            raise TypeError(f"{member} of {type_name(wanted)} can't hold a computed {self.type_name_}")
        return Object(self.kernel_, wanted, start - place.offset)

    # Values

    def value_(self) -> Any:
        """As plain Python: int, float, bool, a list for an array, a dict for a structure.

        An array of ``char`` is its bytes; FaultError where memory is missing.
        """
        if self.known_ is not None:
            return self.known_
        kind = self.bare_()
        match kind:
            case IntType() | PointerType() | EnumType() | FloatType():
                return self._scalar(kind)
            case StructType():
                return {name: self.at_(_whole(member.type, place, member.bit_size)).value_()
                        for name, member, place in kind.leaves()}  # fmt: skip
            case ArrayType():
                if kind.count is None:
                    return []  # how long a flexible array is, only its structure's owner knows
                return self.bytes_() if _is_char(self.kernel_, kind.element) else [i.value_() for i in self]
            case FunctionType() | VoidType():
                raise TypeError(f"{self.type_name_} has no value")
            case _:
                return self._scalar(kind)

    def _scalar(self, kind: Type) -> Any:
        if self.address_ is None:
            raise TypeError(f"{self.type_name_} has no value")
        if self.bits_ is None and (code := scalar_code(kind)) is not None:
            unpack, size = unpacker(self.kernel_.order + code)
            return unpack(self.kernel_.read(self.address_, size))[0]
        bit, bits = self.bits_ or (0, None)
        field: Field = field_of(self.kernel_.layouts, Place(kind, bit, bits), self.kernel_.order)
        return field.value(self.kernel_.read(self.address_ + field.offset, field.size), self.kernel_.order)

    def bytes_(self) -> bytes:
        """The bytes in memory."""
        if self.address_ is None:
            raise TypeError(f"a computed {self.type_name_} has no bytes in memory")
        return self.kernel_.read(self.address_, self.size_)

    def string_(self) -> str:
        """Text of a char array, or behind a pointer, cut at its NUL; what is no UTF-8 is escaped.

        FaultError where it is in no memory of the dump.
        """
        kind = self.bare_()
        if isinstance(kind, ArrayType) and kind.count is not None:
            return text(self.bytes_())
        start = int(self) if isinstance(kind, PointerType) else self.address_
        if start is None:
            raise TypeError(f"{self.type_name_} is no text")
        if not start:
            raise FaultError(f"the {self.type_name_} is NULL", 0, 0, "NULL pointer")
        return text(self.kernel_.read_string(start, STRING_LIMIT))

    def enumerator_(self) -> str | None:
        """The name of an enum's value; None where it has none."""
        kind = self.bare_()
        value = self.value_()
        if not isinstance(kind, EnumType):
            raise TypeError(f"{self.type_name_} is no enum")
        return next((name for name, number in kind.enumerators if number == value), None)

    def __int__(self) -> int:
        value = self.known_
        if value is None:
            kind = self.bare_()
            if scalar_code(kind) is None and not isinstance(kind, IntType):
                raise TypeError(f"{self.type_name_} is no number")
            value = self._scalar(kind)
        return int(value)

    def __index__(self) -> int:
        return int(self)

    def __float__(self) -> float:
        return float(self.value_()) if isinstance(self.bare_(), FloatType) else float(int(self))

    def __bool__(self) -> bool:
        return bool(int(self))

    def __len__(self) -> int:
        kind = self.bare_()
        if not isinstance(kind, ArrayType) or kind.count is None:
            raise TypeError(f"{self.type_name_} has no length")
        return kind.count

    def __iter__(self) -> Iterator[Object]:
        return (self.element_(i) for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Object) and scalar_code(other.bare_()) is None:
            return self._place() == other._place()
        if scalar_code(self.bare_()) is None:
            return False
        return bool(self.value_() == (other.value_() if isinstance(other, Object) else other))

    def __hash__(self) -> int:
        return hash(self._place() if scalar_code(self.bare_()) is None else self.value_())

    def _place(self) -> tuple[str, int | None]:
        return self.type_name_, self.address_

    def __lt__(self, other: Any) -> bool:
        return bool(self.value_() < _plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.value_() <= _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value_() > _plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.value_() >= _plain(other))

    # Arithmetic: on pointers in elements, as in C; on everything else as Python has it

    def __add__(self, other: Any) -> Any:
        kind = self.bare_()
        if isinstance(kind, PointerType):
            step = sizeof(self.kernel_.layouts, kind.target) or 1
            return Object(self.kernel_, self.type_, value=int(self) + step * int(other))
        return self.value_() + _plain(other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        kind = self.bare_()
        if isinstance(kind, PointerType):
            step = sizeof(self.kernel_.layouts, kind.target) or 1
            if isinstance(other, Object) and isinstance(other.bare_(), PointerType):
                return (int(self) - int(other)) // step
            return Object(self.kernel_, self.type_, value=int(self) - step * int(other))
        return self.value_() - _plain(other)

    def __rsub__(self, other: Any) -> Any:
        return other - self.value_()

    def __mul__(self, other: Any) -> Any:
        return self.value_() * _plain(other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self.value_() // _plain(other)

    def __truediv__(self, other: Any) -> Any:
        return self.value_() / _plain(other)

    def __mod__(self, other: Any) -> Any:
        return self.value_() % _plain(other)

    def __and__(self, other: Any) -> int:
        return int(self) & int(other)

    __rand__ = __and__

    def __or__(self, other: Any) -> int:
        return int(self) | int(other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> int:
        return int(self) ^ int(other)

    def __lshift__(self, other: Any) -> int:
        return int(self) << int(other)

    def __rshift__(self, other: Any) -> int:
        return int(self) >> int(other)

    def __neg__(self) -> Any:
        return -self.value_()

    def __invert__(self) -> int:
        kind, value = self.bare_(), ~int(self)
        unsigned = isinstance(kind, PointerType) or (isinstance(kind, IntType | EnumType) and not kind.signed)
        return value & ((1 << 8 * self.size_) - 1) if unsigned else value

    # Looks

    def __repr__(self) -> str:
        return self.kernel_.shown(self)

    def __str__(self) -> str:
        kind = self.bare_()
        if isinstance(kind, ArrayType) and _is_char(self.kernel_, kind.element):
            return printable(self.string_())
        return self.kernel_.shown_value(self)

    def __format__(self, spec: str) -> str:
        if spec and scalar_code(self.bare_()) is not None:
            return format(self.value_(), spec)
        return format(str(self), spec)

    def _repr_html_(self) -> str:
        import html  # its table of names takes longer than all of this module

        return f"<pre>{html.escape(repr(self))}</pre>"


def address_of(value: int | str | Object) -> int:
    """The address that is meant: a number itself, a pointer's value, or where a structure lies.

    Also a hexadecimal text, as JSON has it; ArgumentError for any other text.
    """
    if isinstance(value, Object) and value.address_ is not None and scalar_code(value.bare_()) is None:
        return value.address_
    if isinstance(value, str):
        return _written_address(value)
    return operator.index(value) if not isinstance(value, Object) else int(value)


def _written_address(text: str) -> int:
    """An address as crash or Python writes it: with 0x, or sixteen hexadecimal digits without."""
    if not _ADDRESS.fullmatch(text):
        raise ArgumentError(
            f"{text!a:.80} is no address: a number, a hexadecimal text (0xffff888003a54000), or an object, "
            f"such as kernel.symbol({text!a:.80})"
        )
    return int(text, 16)


_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9a-fA-F]{16}")


def addr_of(value: Object, member: str | None = None) -> Object:
    """A pointer to an object, or to a member of it: C's ``&object->member``."""
    return (value if member is None else value.member_(member)).address_of_()


def container_of(pointer: Object, kind: str | Type, member: str) -> Object:
    """The structure that holds what a pointer points to as its ``member``."""
    return pointer.container_of_(kind, member)


def cast(kind: str | Type, value: Object) -> Object:
    """The same bits as another type."""
    return value.cast_(kind)


def _whole(kind: Type, bit_offset: int, bit_size: int | None) -> Place:
    return Place(kind, bit_offset, bit_size)


def _named(kind: Type) -> Type:
    """A reference by name where a type has one: what a pointer holds."""
    if isinstance(kind, StructType | EnumType) and kind.name:
        keyword: Literal["struct", "union", "enum"] = kind.kind if isinstance(kind, StructType) else "enum"
        return TypeRef(f"{keyword} {kind.name}")
    return kind


def _is_char(kernel: Owner, kind: Type) -> bool:
    element = bare(kernel.layouts, kind)
    return isinstance(element, IntType) and element.name == "char"


def _plain(value: Any) -> Any:
    return value.value_() if isinstance(value, Object) else value


def _converted(value: Any, kind: Type) -> int | float:
    """A number as another scalar type has it, cut to its width."""
    if isinstance(kind, FloatType):
        return float(value)
    if isinstance(kind, IntType) and kind.kind == "bool":
        return bool(value)
    bits = 8 * (kind.size if isinstance(kind, IntType | EnumType | PointerType) else 8)
    number = int(value) & ((1 << bits) - 1)
    signed = isinstance(kind, IntType | EnumType) and kind.signed
    return number - (1 << bits) if signed and number >> (bits - 1) else number
