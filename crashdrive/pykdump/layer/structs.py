"""Values as PyKdump's objects: structures, typed pointers, enumerators, which are integers; and strings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from crashdrive.pykdump.layer.chains import chain_value, parse_chain
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.layer.typeinfo import SU_CODES, EnumInfo, SUInfo, TypeInfo, VarInfo
from crashdrive.pykdump.run import current

_CLASSES = "classes"
# int's own attributes, which a structure's members go before
_NUMBERS = ("real", "imag", "numerator", "denominator")
STRING_SIZE = 256


class FieldError(KeyError, AttributeError):
    """A structure has no such member."""


# scripts, and those who read their tracebacks, know a KeyError
FieldError.__name__ = FieldError.__qualname__ = "KeyError"
FieldError.__module__ = "builtins"


class _OfStructure(type):
    """``StructResult(NAME, ADDRESS)`` is an object of NAME's own class."""

    def __call__(cls, *args: Any) -> Any:
        return struct_class(args[0]).at(args[1] if len(args) > 1 else 0)


class StructResult(int, metaclass=_OfStructure):
    """A structure, or a pointer to one: an address whose attributes are the members."""

    PYT_symbol: str
    PYT_sinfo: SUInfo
    PYT_size: int

    @classmethod
    def at(cls, address: int) -> Self:
        """The structure at an address."""
        return int.__new__(cls, address)

    def __getattr__(self, name: str) -> Any:
        info = self.PYT_sinfo.get(name)
        if info is None and (at := name.find("__")) > 0:
            # inside a class Python makes a.__var into a._CLASS__var
            name = name[at:]
            info = self.PYT_sinfo.get(name)
        if info is None:
            raise FieldError(f"<{self.PYT_symbol}> does not have a field <{name}>")
        read = member_reader(info)
        setattr(type(self), name, property(read))
        return read(self)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, str):
            return self.PYT_sinfo[i]
        return type(self).at(int(self) + i * self.PYT_size)

    def __add__(self, i: int) -> Any:
        return self[i]

    def __eq__(self, other: object) -> bool:
        return int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))

    def __len__(self) -> int:
        return self.PYT_size

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self.PYT_symbol} is no list")

    def __str__(self) -> str:
        return f"<{self.PYT_symbol} {int(self):#x}>"

    def __repr__(self) -> str:
        return f"StructResult <{self.PYT_symbol} {int(self):#x}> \tsize={self.PYT_size}"

    def shortStr(self) -> str:
        """As ``str()``, without ``struct``."""
        return f"<{self.PYT_symbol.split()[-1]} {int(self):#x}>"

    def hasField(self, fname: str) -> bool:
        """Whether there is such a member."""
        return fname in self.PYT_sinfo

    def isNamed(self, sname: str) -> bool:
        """Whether it is a structure of this name."""
        return sname == self.PYT_symbol

    def fieldOffset(self, fname: str) -> int:
        """Offset of a member."""
        return self.PYT_sinfo[fname].offset

    def castTo(self, sname: str) -> Any:
        """The same address as another structure."""
        return StructResult(sname, int(self))

    def getDeref(self) -> Self:
        """Itself."""
        return self

    Deref = property(getDeref)

    def Eval(self, estr: str) -> Any:
        """What a chain of members (``a.b.c``) leads to."""
        chains, key = kept("chains"), (self.PYT_symbol, estr)
        if key not in chains:
            chains[key] = parse_chain(self.PYT_symbol, estr)
        if chains[key] is None:
            raise FieldError(f"<{self.PYT_symbol}> does not have a field <{estr}>")
        return chain_value(int(self), *chains[key])

    def Dump(self, indent: int = 0) -> None:
        """Print all members, those of structures inside left out."""
        for name, info in self.PYT_sinfo.PYT_body:
            try:
                value = getattr(self, name) if name else ""
            except TypeError:
                value = " unknown type"
            if isinstance(value, list) and len(value) > 3:
                value = f"{str(value[:4])[:-1]}, ..."
            if name or info.ti.fake_SU:
                print(" " * indent, f"    {name:>18s} ", value)


def struct_class(name: str) -> type[StructResult]:
    """The class of a structure's objects; TypeError for an unknown one."""
    classes = kept(_CLASSES)
    found: type[StructResult] | None = classes.get(name)
    if found is None:
        info = SUInfo(name)
        label = f"StructResult_{name}".replace(" ", "_").replace("-", "_")
        found = _OfStructure(  # type: ignore[assignment] # a class of StructResult's kind
            label, (StructResult,), {"PYT_symbol": name, "PYT_sinfo": info, "PYT_size": info.PYT_size}
        )
        for one in _NUMBERS:
            if one in info:
                setattr(found, one, property(member_reader(info[one])))
        classes[name] = found
    return found  # type: ignore[return-value] # as above


def member_reader(info: VarInfo) -> Callable[[Any], Any]:
    """What reads a member of the structure that it is given."""
    return info.getReader(offset=info.offset)


class tPtr(int):
    """A pointer to something other than one structure: ``ti`` is its type, ``ptrlev`` its stars."""

    ti: TypeInfo
    ptrlev: int

    def __new__(cls, l: int, ti: TypeInfo) -> Self:  # noqa: E741 - PyKdump's own name
        self = int.__new__(cls, l)
        self.ti = ti
        self.ptrlev = ti.ptrlev or 1
        return self

    def _checked(self) -> int:
        if not self:
            raise IndexError(f"\nNULL pointer {self!r}")
        return int(self)

    def _lowered(self, address: int) -> tPtr:
        lowered = tPtr(address, self.ti)
        lowered.ptrlev = self.ptrlev - 1
        return lowered

    def _target(self, address: int) -> Any:
        info = VarInfo(None, self.ti.getTargetType())
        return info.reader(address)

    @property
    def _is_structures(self) -> bool:
        return self.ti.ptrbasetype in SU_CODES

    def __getitem__(self, i: int) -> Any:
        address = self._checked()
        if self.ptrlev == 1:
            return self._target(address + i * self.ti.getTargetType().size)
        word = current().pages.pointer(address + i * current().kernel.pointer_size)
        if self.ptrlev == 2 and self._is_structures:
            return StructResult(self.ti.stype, word)
        return self._lowered(word)

    getArrDeref = __getitem__

    def getDeref(self, i: int | None = None) -> Any:  # noqa: ARG002 - part of PyKdump's call
        """What it points to; IndexError for NULL."""
        address = self._checked()
        if self.ptrlev == 1:
            return self._target(address)
        return self._lowered(current().pages.pointer(address))

    Deref = property(getDeref)

    def __getattr__(self, name: str) -> Any:
        # of a pointer to a structure: a->b
        if name.startswith("__") or self.ptrlev != 1 or not self._is_structures:
            raise AttributeError(f"{self!r} has no attribute {name}")
        return getattr(StructResult(self.ti.stype, int(self)), name)

    def __repr__(self) -> str:
        return f"<tPtr addr={int(self):#x} ctype='{self.ti.stype} {'*' * self.ptrlev}'>"

    @property
    def ptype(self) -> TypeInfo:
        """Its type."""
        return self.ti

    def getPtype(self) -> TypeInfo:
        """Its type."""
        return self.ti


class tEnum(int):
    """An enumeration's value; ``repr()`` is its name."""

    einfo: EnumInfo

    def __new__(cls, l: int, einfo: EnumInfo) -> Self:  # noqa: E741 - PyKdump's own name
        self = int.__new__(cls, l)
        self.einfo = einfo
        return self

    def __repr__(self) -> str:
        return self.einfo.getnam(self)


class SmartString(str):  # noqa: SLOT000 - scripts may add attributes
    """Text up to a NUL, that still has all its bytes (``ByteArray``), its address (``addr``), and that of the
    pointer that led here (``ptr``, None for an array). Indexes and slices are of all the bytes.
    """

    ByteArray: bytes
    addr: int | None
    ptr: int | None
    _whole: str

    def __new__(cls, s: Any, addr: int | None = None, ptr: int | None = None) -> Self:
        if isinstance(s, tPtr) and s.ptrlev == 1:
            addr, s = int(s), read_text(int(s))
        elif not isinstance(s, bytes):
            raise TypeError(f"Cannot convert type {type(s)} to SmartString")
        whole = str(s, "ascii", errors="backslashreplace")
        self = str.__new__(cls, whole.partition("\0")[0])
        self.ByteArray, self.addr, self.ptr, self._whole = s, addr, ptr, whole
        return self

    def __int__(self) -> int:
        address = self.ptr if self.ptr is not None else self.addr
        if address is None:
            raise TypeError("this string has no address")
        return address

    __index__ = __int__

    def __getitem__(self, key: Any) -> str:
        return self._whole[key]


def read_text(address: int) -> bytes:
    """The 256 bytes at an address; those up to the next multiple of 256 where the dump lacks the others."""
    from crashdrive.pykdump.faults import CrashError

    pages = current().pages
    try:
        return pages.readmem(address, STRING_SIZE)
    except CrashError:
        return pages.readmem(address, STRING_SIZE - address % STRING_SIZE)


class intDimensionlessArray(int):
    """An array of numbers without a bound: an address that is indexed."""

    def __new__(cls, addr: int, isize: int, signed: bool) -> Self:  # noqa: FBT001 - PyKdump's call
        self = int.__new__(cls, addr)
        self.isize, self.signed = isize, signed
        return self

    isize: int
    signed: bool

    def __getitem__(self, i: int) -> int:
        return current().pages.read_integer(int(self) + i * self.isize, self.isize, self.signed)

    def __repr__(self) -> str:
        return f"<intDimensionlessArray addr={int(self):#x}, sz={self.isize}, signed={int(self.signed)}>"


def Addr(obj: Any, extra: str | None = None) -> int:
    """The address of a structure, of its member ``extra``, or of a string's bytes; TypeError for others."""
    if isinstance(obj, StructResult):
        return int(obj) + (obj.PYT_sinfo[extra].offset if extra is not None else 0)
    if isinstance(obj, SmartString):
        return int(obj.addr or 0)
    raise TypeError(type(obj))


def Deref(obj: Any) -> Any:
    """What a pointer points to; a structure is itself."""
    if isinstance(obj, tPtr):
        return obj.Deref
    if isinstance(obj, StructResult):
        return obj
    raise TypeError(f"Trying to dereference a non-pointer {obj}")


def printObject(obj: Any) -> None:
    """Print a structure as gdb does."""
    if not isinstance(obj, StructResult):
        raise TypeError(type(obj))
    text = current().commands.gdb(f"p *({obj.PYT_symbol} *){int(obj):#x}") or ""
    print(f"{obj.PYT_symbol} {int(obj):#x} {{")
    print(text.partition("\n")[2])
