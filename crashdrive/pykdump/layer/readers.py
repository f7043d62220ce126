"""Readers: functions that make a value of a type out of the memory at an address."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from crashdrive.pykdump.describe import BOOL, ENUM, FUNC, INT, PTR
from crashdrive.pykdump.layer.structs import (
    SmartString,
    StructResult,
    intDimensionlessArray,
    read_text,
    struct_class,
    tEnum,
    tPtr,
)
from crashdrive.pykdump.layer.typeinfo import SU_CODES, EnumInfo, SUInfo, TypeInfo, VarInfo, set_maker
from crashdrive.pykdump.run import current

Reader = Callable[[Any], Any]


def _reader(info: VarInfo, offset: int, ptrlev: int | None) -> Reader:
    code = info.ti.codetype
    if code in (INT, BOOL, ENUM):
        return _number_reader(info, offset)
    if code in SU_CODES:
        return _shifted(_structure_reader(info.ti), offset)
    if code == PTR:
        return _pointer_reader(info.ti, ptrlev if ptrlev is not None else info.ti.ptrlev, offset)
    raise TypeError(f"don't know how to read codetype {code}")


def _shifted(read: Reader, offset: int) -> Reader:
    return lambda base: read(int(base) + offset)


# numbers


def _number_reader(info: VarInfo, offset: int) -> Reader:
    ti = info.ti
    signed = ti.codetype == ENUM if ti.dims is None else False
    if ti.codetype == INT:
        signed = ti.uint == 0
    if ti.dims is not None:
        return _shifted(_number_array(ti, signed=signed), offset)
    read = (
        _bits_reader(info, offset, signed=signed)
        if info.bitsize is not None
        else current().pages.scalar(ti.size, signed=signed, offset=offset)
    )
    if ti.codetype == BOOL:
        return lambda base: bool(read(base))
    if ti.codetype == ENUM:
        names = EnumInfo(ti.stype) if ti.stype != "enum" else _NamelessEnum()
        return lambda base: tEnum(read(base), names)
    return read


class _NamelessEnum(EnumInfo):
    """An enumeration that can't be asked for: its values have no names."""

    def __init__(self) -> None:
        dict.__init__(self)
        self.stype, self._Lst = "enum", []


def _bits_reader(info: VarInfo, offset: int, *, signed: bool) -> Reader:
    """A bit-field, out of the bytes that it lies in; ``offset`` is where its first byte is."""
    width = int(info.bitsize or 0)
    first = info.bitoffset - info.offset * 8
    size = (first + width + 7) // 8
    order, mask, pages = current().pages.order, (1 << width) - 1, current().pages
    if order == "big":
        first = 8 * size - first - width

    def read(base: Any) -> int:
        value = int.from_bytes(pages.readmem(int(base) + offset, size), order) >> first & mask
        return value - mask - 1 if signed and value >> (width - 1) else value

    return read


def _number_array(ti: TypeInfo, *, signed: bool) -> Reader:
    size, dims, pages = ti.size, list(ti.dims or ()), current().pages
    if ti.stype == "char" and len(dims) == 1 and dims[0]:
        return lambda address: SmartString(pages.readmem(address, dims[0]), address)
    if len(dims) == 1 and not dims[0]:
        return lambda address: intDimensionlessArray(address, size, signed)
    code, count = {1: "b", 2: "h", 4: "i", 8: "q"}[size], ti.elements
    import struct

    unpack = struct.Struct(f"{current().kernel.order}{count}{code if signed else code.upper()}").unpack
    convert: Callable[[Any], list[Any]] = (
        list if ti.codetype != BOOL else lambda values: [bool(v) for v in values]
    )
    return lambda address: nested(convert(unpack(pages.readmem(address, size * count))), dims)


def nested(values: list[Any], dims: list[int]) -> list[Any]:
    """A flat list as lists of lists, outermost dimension first."""
    for bound in reversed(dims[1:]):
        step = iter(values)
        values = [list(itertools.islice(step, bound)) for _ in range(len(values) // (bound or 1))]
    return values


# structures


def _structure_reader(ti: TypeInfo) -> Reader:
    cls, count, size, dims = struct_class(ti.stype), ti.elements, ti.size, list(ti.dims or ())
    make = cls.at
    if count in (0, 1):
        return make
    return lambda address: nested([make(address + i * size) for i in range(count)], dims)


# pointers


def _pointer_reader(ti: TypeInfo, ptrlev: int | None, offset: int) -> Reader:
    word = current().pages.scalar(current().kernel.pointer_size, signed=False, offset=offset)
    read = _null_checked(word, offset)
    if ptrlev != 1 or (ti.dims is not None and ti.codetype != PTR):
        return _shaped(ti, lambda base: tPtr(read(base), ti), offset)
    return _shaped(ti, _single_pointer(ti, read, offset), offset)


def _null_checked(word: Reader, offset: int) -> Reader:
    if offset:
        return word

    def read(base: Any) -> Any:
        if not base:
            raise IndexError("readPtr NULL pointer")
        return word(base)

    return read


def _single_pointer(ti: TypeInfo, read: Reader, offset: int) -> Reader:
    if ti.stype == "char":
        return lambda base: _text(read(base), int(base) + offset)
    if ti.ptrbasetype in SU_CODES:
        made: list[Callable[[int], StructResult]] = []

        def structure(base: Any) -> StructResult:
            if not made:
                made.append(_class_behind(ti.stype).at)
            return made[0](read(base))

        return structure
    if ti.ptrbasetype == FUNC:
        return read
    return lambda base: tPtr(read(base), ti)


def _class_behind(name: str) -> type[StructResult]:
    """The class of what a pointer points to; one without members for what is declared and nowhere defined."""
    try:
        return struct_class(name)
    except TypeError:
        SUInfo(name, {"basetype": name, "typelength": 0, "codetype": SU_CODES[0]})
        return struct_class(name)


def _text(pointer: int, place: int) -> SmartString | None:
    return SmartString(read_text(pointer), pointer, place) if pointer else None


def _shaped(ti: TypeInfo, read: Reader, offset: int) -> Reader:
    """A reader of one pointer, or of an array of them."""
    if ti.dims is None:
        return read
    dims, step = list(ti.dims), ti.size
    if len(dims) == 1 and ti.elements <= 1:
        return lambda base: _Unbounded(int(base), step, read, offset)
    if len(dims) == 1:
        return lambda base: _Pointers(int(base), step, read, ti.elements, offset)
    return lambda base: nested([read(int(base) + i * step) for i in range(ti.elements)], dims)


class _Unbounded:
    """An array of pointers without a bound."""

    def __init__(self, base: int, step: int, read: Reader, offset: int) -> None:
        self._base, self._step, self._read = base, step, read
        self.addr = base + offset

    def __getitem__(self, i: int) -> Any:
        return self._read(self._base + i * self._step)

    def __int__(self) -> int:
        return self.addr


class _Pointers(list[Any]):
    """An array of pointers, each read when it is looked at."""

    def __init__(self, base: int, step: int, read: Reader, count: int, offset: int) -> None:
        super().__init__()
        self._base, self._step, self._read, self._count = base, step, read, count
        self.addr = base + offset

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[number] for number in range(*i.indices(self._count))]
        return self._read(self._base + i * self._step)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._count))

    def __contains__(self, value: object) -> bool:
        return any(one == value for one in self)

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self)[::-1])

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(list(self))


set_maker(_reader)
