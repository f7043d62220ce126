"""Types as PyKdump's objects: `TypeInfo`, `VarInfo` (with a name), `SUInfo` (a structure), `EnumInfo`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

from crashdrive.errors import KernelError
from crashdrive.pykdump.describe import ENUM, STRUCT, UNION, Description
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.run import current

SU_CODES = (STRUCT, UNION)
_STRUCTS = "structs"
# what makes readers: values are made of types, so that they stand above this module
_MAKERS: list[Callable[[Any, int, int | None], Callable[[Any], Any]]] = []


def set_maker(maker: Callable[[Any, int, int | None], Callable[[Any], Any]]) -> None:
    """Say what makes readers of a `VarInfo`."""
    _MAKERS.append(maker)


def typeinfo_of(name: str) -> Description:
    """The dict of a type; ``crash.error`` where there is none."""
    try:
        return current().describer.named(str(name))
    except KernelError:
        raise CrashError(f"no type {name}") from None


def type_length(tname: str) -> int:
    """Bytes of a type, of one element where it is an array; -1 for an unknown one."""
    try:
        length: int = typeinfo_of(tname)["typelength"]
    except CrashError:
        return -1
    return length


def _tag(item: Description) -> tuple[str, bool]:
    """What a type is known by, and whether that was made up: for one without a name by where it stands."""
    name: str = item.get("typedef") or item["basetype"]
    if name not in ("struct", "union"):
        return name, False
    place = f"{item.get('parentname')}:{item.get('bitoffset', 0) // 8}"
    if item.get("fname"):
        return f"{place}/{item['fname']}->{name}", True
    # several may begin at one place: `struct page` is a union of nameless structures
    return f"{place}.{number}->{name}" if (number := item.get("number")) else f"{place}->{name}", True


class TypeInfo:
    """A type: ``stype`` without stars and dimensions, ``size``, ``ptrlev`` (stars), ``dims``, its code."""

    def __init__(self, info: str | Description) -> None:
        item = typeinfo_of(info) if isinstance(info, str) else info
        self.codetype: int = item["codetype"]
        self.size: int = item["typelength"]
        self.dims: list[int] | None = item.get("dims")
        self.ptrlev: int | None = item.get("stars")
        self.uint: int | None = item.get("uint")
        self.typedef: str | None = item.get("typedef")
        self.ptrbasetype: int | None = item.get("ptrbasetype")
        self.integertype = None
        self.stype, self.fake_SU = _tag(item)
        self.prototype: list[TypeInfo] = [TypeInfo(one) for one in item.get("prototype", ())]
        if "body" in item and self.fake_SU:
            SUInfo(self.stype, item)

    @cached_property
    def elements(self) -> int:
        """How many of it an array has in all; 1 for what is no array."""
        return math.prod(self.dims) if self.dims else 1

    @cached_property
    def tcodetype(self) -> int:
        """The code of what a pointer points to in the end."""
        return self.getTargetType().codetype

    def getTargetType(self) -> TypeInfo:
        """The type without stars and dimensions."""
        structs = kept(_STRUCTS)
        if self.fake_SU and self.stype in structs:
            return TypeInfo(structs[self.stype].PYT_item)
        return TypeInfo(self.stype)

    def getTargetCodeType(self) -> int:
        """The same as ``tcodetype``."""
        return self.tcodetype

    def getElements(self) -> int:
        """The same as ``elements``."""
        return self.elements

    def fullname(self) -> tuple[str, str, str]:
        """(name, stars, dimensions)."""
        dims = "".join(f"[{bound}]" for bound in self.dims or ())
        return self.stype, "*" * (self.ptrlev or 0), dims

    def typestr(self) -> str:
        """The type as C has it."""
        name, stars, dims = self.fullname()
        return f"{name} {stars}{dims}" if stars or dims else name

    def fullstr(self, indent: int = 0) -> str:
        """The same as a declaration."""
        name, stars, dims = self.fullname()
        return f"{' ' * indent}{name} {stars}{dims};"

    def __repr__(self) -> str:
        name, stars, dims = self.fullname()
        if self.prototype:
            name, dims = self.prototype[0].typestr(), f"(func)({self._arguments()})"
        return f"TypeInfo <{name} {stars}{dims}> size={self.size}"

    def _arguments(self) -> str:
        return ", ".join(one.typestr() for one in self.prototype[1:])


class VarInfo:
    """A variable or a member: ``name``, ``ti``; ``addr`` of a variable; ``offset`` and bits of a member."""

    def __init__(self, name: str | None = None, ti: TypeInfo | None = None) -> None:
        self.name = name
        self.addr: int | None = None
        self.offset = 0
        self.bitoffset = 0
        self.bitsize: int | None = None
        self._ti = ti

    @property
    def ti(self) -> Any:
        """Its type."""
        return self._ti

    @ti.setter
    def ti(self, value: TypeInfo) -> None:
        self._ti = value

    @cached_property
    def reader(self) -> Callable[[int], Any]:
        """What reads it from an address."""
        return self.getReader()

    def getReader(self, ptrlev: int | None = None, offset: int = 0) -> Callable[[Any], Any]:
        """A reader; ``ptrlev``: as a pointer of so many stars; ``offset``: so far behind what it is given.

        TypeError for what has no value.
        """
        return _MAKERS[-1](self, offset, ptrlev)

    @cached_property
    def dereferencer(self) -> Callable[[int], Any]:
        """What reads the type that a pointer points to."""
        return VarInfo(None, self.ti.getTargetType()).reader

    @cached_property
    def size(self) -> int:
        """Bytes of all of it."""
        return int(self.ti.size * self.ti.elements)

    @property
    def ctype(self) -> str:
        """The type's name."""
        return str(self.ti.stype)

    basetype = ctype

    def getBaseType(self) -> str:
        """The type's name."""
        return self.ctype

    def getSize(self) -> int:
        """Bytes of all of it."""
        return self.size

    @property
    def array(self) -> Any:
        """Its dimension; a list of them where there are several."""
        dims = self.ti.dims
        return dims[0] if len(dims) == 1 else dims

    @property
    def ptrlev(self) -> int | None:
        """How many stars it has."""
        return self.ti.ptrlev  # type: ignore[no-any-return]

    def shortstr(self, *, indent: int = 0) -> str:
        """Its declaration."""
        name, stars, dims = self.ti.fullname()
        bits = f":{self.bitsize}" if self.bitsize is not None else ""
        if self.ti.fake_SU:
            name = SUInfo(self.ti.stype).shortstr(indent=indent).strip()
        return f"{' ' * indent}{name} {stars}{self.name or ''}{dims}{bits};"

    def fullstr(self, indent: int = 0) -> str:
        """Its declaration with offset and size."""
        return f"{self.shortstr(indent=indent)} | off={self.offset} size={self.size}"

    def __repr__(self) -> str:
        name, stars, dims = self.ti.fullname()
        if self.ti.prototype:
            name, dims = self.ti.prototype[0].typestr(), f"({self.ti._arguments()})"
        at = "" if self.addr is None else f" addr={self.addr:#x}"
        return f"{type(self).__name__} <{name} {stars}{self.name}{dims}>{at}"


class PseudoVarInfo(VarInfo):
    """A member that was added by `structSetAttr`."""


class _Kept(type):
    """Makes each structure's information once."""

    def __call__(cls, *args: Any) -> Any:
        structs = kept(_STRUCTS)
        if args[0] not in structs:
            structs[args[0]] = super().__call__(*args)
        return structs[args[0]]


class SUInfo(dict[str, VarInfo], metaclass=_Kept):
    """A structure or union: its members by name, those of nameless ones inside, too. TypeError for none.

    ``PYT_body`` has its own members in order, as (name, `VarInfo`); ``PYT_size`` is its size.
    """

    def __init__(self, sname: str, gdbinfo: Description | None = None) -> None:
        super().__init__()
        self.PYT_sname, self.PYT_fake = sname, gdbinfo is not None
        self.PYT_body: list[tuple[str, VarInfo]] = []
        item = gdbinfo if gdbinfo is not None else self._asked(sname)
        self.PYT_item: Description = item
        self.PYT_size = self.size = int(item["typelength"])
        for number, one in enumerate(item.get("body", ())):
            one["parentname"], one["number"] = sname, number
            member = VarInfo(one["fname"], TypeInfo(one))
            member.bitoffset, member.bitsize = one["bitoffset"], one.get("bitsize")
            member.offset = member.bitoffset // 8
            self._add(one["fname"], member)

    @staticmethod
    def _asked(sname: str) -> Description:
        try:
            item = typeinfo_of(sname)
            return item if "body" in item or "typedef" not in item else typeinfo_of(item["basetype"])
        except CrashError:
            raise TypeError(f"no type {sname}") from None

    def _add(self, name: str, member: VarInfo) -> None:
        self.PYT_body.append((name, member))
        if name:
            self[name] = member
        else:
            self._add_inner(member)

    def _add_inner(self, nameless: VarInfo) -> None:
        """Members of a nameless structure are members of what it is in."""
        for name, inner in SUInfo(nameless.ti.stype).PYT_body:
            member = VarInfo(name, inner.ti)
            member.offset = nameless.offset + inner.offset
            member.bitoffset, member.bitsize = nameless.offset * 8 + inner.bitoffset, inner.bitsize
            member.addr = 0
            if name:
                self[name] = member
            else:
                self._add_inner(member)

    def __getattr__(self, name: str) -> VarInfo:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"<{self.__dict__.get('PYT_sname')}> does not have a field <{name}>"
            ) from None

    def getFnames(self) -> list[str]:
        """Names of its own members in order."""
        return [name for name, _ in self.PYT_body]

    def shortstr(self, indent: int = 0) -> str:
        """Its definition."""
        return self._shown([member.shortstr(indent=indent + 2) for _, member in self.PYT_body], indent)

    def fullstr(self, indent: int = 0) -> str:
        """Its definition with offsets and sizes."""
        return self._shown([member.fullstr(indent + 2) for _, member in self.PYT_body], indent)

    def _shown(self, lines: list[str], indent: int) -> str:
        name = self.PYT_item["basetype"] if self.PYT_fake else self.PYT_sname
        return "\n".join([f"{' ' * indent}{name} {{", *lines, f"{' ' * indent}}}"])

    def __repr__(self) -> str:
        return self.fullstr()

    def __str__(self) -> str:
        return f"<SUInfo>\n{self.shortstr()}"

    def __hash__(self) -> int:  # type: ignore[override] # PyKdump's are hashable by identity
        return id(self)


class EnumInfo(dict[str, int]):
    """An enumeration's constants by name: ``enum pid_type``, or by the name of one of its constants."""

    def __init__(self, stype: str) -> None:
        super().__init__()
        try:
            item = typeinfo_of(stype) if "enum " in stype else self._of_constant(stype)
        except (CrashError, KernelError):
            raise TypeError(f"cannot find enum <{stype}>") from None
        if item["codetype"] != ENUM:
            raise TypeError(f"{stype} is not a enum")
        self.stype = stype if "enum " in stype else "enum"
        self._Lst = [list(one) for one in item["edef"]]
        self.update(dict(self._Lst))
        self.__dict__.update(self)

    @staticmethod
    def _of_constant(name: str) -> Description:
        run = current()
        return run.describer.variable(name, run.types.constant_type(name))

    def __getattr__(self, name: str) -> int:
        raise AttributeError(f"{self.__dict__.get('stype')} has no constant {name}")

    def getnam(self, v1: int) -> str:
        """The name of a value."""
        for name, value in self.items():
            if value == v1:
                return name
        return f"<{self.stype}, bad value {int(v1)}>"

    getname = getnam

    def __str__(self) -> str:
        return f"{self.stype} {{{' ,'.join(f'{name} = {value}' for name, value in self._Lst)}}}"
