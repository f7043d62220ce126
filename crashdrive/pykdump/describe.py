"""A type as the dict that PyKdump's ``gdb_typeinfo`` gives: gdb's view, with pointers and arrays unrolled.

Keys: ``codetype`` and ``typelength`` always; ``basetype`` the type's name without stars and dimensions;
``typedef`` the name that it was declared by; ``stars`` and ``ptrbasetype`` (the code of what is at the end)
of a pointer; ``dims``; ``uint`` of an integer; ``body`` (members: ``fname``, ``bitoffset``, ``bitsize``) of a
structure; ``edef`` (lists of name and value) of an enumeration; ``prototype`` of a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.errors import UnknownTypeError
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
from crashdrive.pykdump.types import Dims, outer_name

if TYPE_CHECKING:
    from crashdrive.pykdump.types import ScriptTypes

Description = dict[str, Any]

# enum type_code of gdb 10 (gdbtypes.h), which crash 8 and 9 have alike
CODES = {
    "TYPE_CODE_PTR": 1,
    "TYPE_CODE_ARRAY": 2,
    "TYPE_CODE_STRUCT": 3,
    "TYPE_CODE_UNION": 4,
    "TYPE_CODE_ENUM": 5,
    "TYPE_CODE_FLAGS": 6,
    "TYPE_CODE_FUNC": 7,
    "TYPE_CODE_INT": 8,
    "TYPE_CODE_FLT": 9,
    "TYPE_CODE_VOID": 10,
    "TYPE_CODE_BOOL": 21,
}
PTR, ARRAY, STRUCT, UNION = (CODES[f"TYPE_CODE_{name}"] for name in ("PTR", "ARRAY", "STRUCT", "UNION"))
ENUM, FUNC, INT = (CODES[f"TYPE_CODE_{name}"] for name in ("ENUM", "FUNC", "INT"))
FLT, VOID, BOOL = (CODES[f"TYPE_CODE_{name}"] for name in ("FLT", "VOID", "BOOL"))
_TAGS = {"struct": STRUCT, "union": UNION, "enum": ENUM}
_KINDS: dict[type[Any], int] = {PointerType: PTR, ArrayType: ARRAY, FunctionType: FUNC, EnumType: ENUM}
_KINDS |= {FloatType: FLT}
# arrays of arrays of ..., pointers to pointers to ...: damaged debug data mustn't turn us in circles
_DEEPEST = 64


# members that have another name or place since: (structure, its old name, the member that has it now)
OLD_NAMES = (
    ("struct inet_hashinfo", "listening_hash", "lhash2"),  # cae3873c5b3a (5.19)
    ("struct task_struct", "state", "__state"),  # 2f064a59a11f (5.14)
    ("struct task_struct", "cpu", "thread_info.cpu"),  # bcf9033e5449 (5.16)
)


class Place:
    """Where in a named structure a type stands, for gdb; ``flat``: whether dimensions have to be asked."""

    def __init__(self, outer: str | None = None, path: str = "", *, flat: bool = False) -> None:
        self.outer = outer
        self.path = path
        self.flat = flat

    def inner(self, name: str | None) -> Place:
        """A member's place."""
        path = self.path if name is None else f"{self.path}.{name}" if self.path else name
        return Place(self.outer, path, flat=self.flat)


class Describer:
    """Makes the dicts of one kernel's types."""

    def __init__(self, types: ScriptTypes, *, old_names: bool = False) -> None:
        self._types = types
        self._old = OLD_NAMES if old_names else ()

    def named(self, name: str) -> Description:
        """The dict of a type by its name; UnknownTypeError."""
        kind = self._types.declared(name)
        if isinstance(kind, TypeRef):
            found = self._types.type(kind.name)
            # a structure's own tag is no typedef
            kind = kind if isinstance(found, TypedefType) else found
        item: Description = {}
        self._fill(kind, item, Place(flat=self._types.is_flat(name)))
        for structure, old, new in self._old:
            if item["basetype"] == structure and "body" in item:
                self.add_old_name(item["body"], old, new)
        return item

    def add_old_name(self, body: list[Description], old: str, new: str) -> None:
        """Give a member its old name, too, where it hasn't got it; ``new`` may be one of a member's own."""
        outer, _, inner = new.partition(".")
        found = next((member for member in body if member["fname"] == outer), None)
        if found is None or any(member["fname"] == old for member in body):
            return
        start = 0
        if inner:
            start = found["bitoffset"]
            members = self.named(found["basetype"]).get("body", ())
            found = next((member for member in members if member["fname"] == inner), None)
        if found is not None:
            body.append({**found, "fname": old, "bitoffset": start + found["bitoffset"]})

    def variable(self, name: str, kind: Type) -> Description:
        """The dict of a variable."""
        item: Description = {"fname": name}
        self._fill(kind, item, Place())
        return item

    def _fill(self, kind: Type, item: Description, place: Place, depth: int = 0) -> None:
        """Add what a type says of itself."""
        if depth > _DEEPEST:
            raise UnknownTypeError("a type that contains itself")
        match kind:
            case TypeRef(name=name) if not _is_tag(name):
                item["typedef"] = name
                self._fill(
                    self._types.resolve(kind), item, Place(name, flat=self._types.is_flat(name)), depth + 1
                )
            case TypeRef():
                self._reference(kind, item, place)
            case TypedefType(name=name, target=target):
                item["typedef"] = name
                self._fill(self._types.resolve(target), item, Place(name, flat=place.flat), depth + 1)
            case PointerType():
                self._pointer(kind, item, depth)
            case ArrayType():
                self._array(kind, item, place, depth)
            case StructType():
                self._structure(kind, item, place)
            case EnumType():
                self._enumeration(kind, item)
            case FunctionType():
                self._function(kind, item, depth)
            case _:
                self._plain(kind, item)

    def _reference(self, kind: TypeRef, item: Description, place: Place) -> None:
        """A structure by its tag; its members are left out where it is a member, or behind a pointer."""
        tag = kind.name.partition(" ")[0]
        inside = "fname" in item or "stars" in item
        if tag == "enum" or not inside or (kind.size is None and "stars" not in item):
            self._fill(self._types.resolve(kind), item, place, 1)
            return
        _put(item, kind.name, _TAGS[tag], kind.size or 0)

    def _pointer(self, kind: PointerType, item: Description, depth: int) -> None:
        stars, target = 1, kind.target
        while isinstance(target, PointerType) and stars < _DEEPEST:
            stars, target = stars + 1, target.target
        item["stars"] = stars
        if isinstance(target, TypeRef) and not _is_tag(target.name):
            item["typedef"] = target.name
            name, target = target.name, self._types.resolve(target)
            place = Place(name, flat=self._types.is_flat(name))
        else:
            place = Place()
        item["ptrbasetype"] = self._code(target)
        self._fill(target, item, place, depth + 1)
        item["codetype"], item["typelength"] = PTR, kind.size

    def _array(self, kind: ArrayType, item: Description, place: Place, depth: int) -> None:
        dims: list[int] = []
        element: Type = kind
        while isinstance(element, ArrayType):
            dims.append(element.count or 0)
            element = element.element
        if len(dims) == 1 and dims[0] > 1 and place.flat and place.outer and place.path:
            dims = Dims(self._types, place.outer, place.path, dims[0])
        if isinstance(element, TypeRef) and not _is_tag(element.name):
            item["typedef"] = element.name
            element = self._types.resolve(element)
        self._fill(element, item, Place(), depth + 1)
        item["dims"] = dims

    def _structure(self, kind: StructType, item: Description, place: Place) -> None:
        inside = "fname" in item or "stars" in item
        if kind.name is None or not inside:
            own = place if kind.name is None else Place(outer_name(kind, None), flat=place.flat)
            item["body"] = [self._member(member, own) for member in kind.members]
        name = f"{kind.kind} {kind.name}" if kind.name else kind.kind
        _put(item, name, _TAGS[kind.kind], kind.size)

    def _member(self, member: Member, place: Place) -> Description:
        item: Description = {"fname": member.name or ""}
        if member.bit_size is not None:
            item["bitsize"] = member.bit_size
        item["bitoffset"] = member.bit_offset
        self._fill(member.type, item, place.inner(member.name))
        return item

    def _enumeration(self, kind: EnumType, item: Description) -> None:
        item["edef"] = [[name, value] for name, value in kind.enumerators]
        _put(item, f"enum {kind.name}" if kind.name else "enum", ENUM, kind.size)

    def _function(self, kind: FunctionType, item: Description, depth: int) -> None:
        prototype: list[Description] = []
        item["prototype"] = prototype
        for name, one in [
            ("returntype", kind.returns),
            *((f"arg{number}", one) for number, one in enumerate(kind.parameters)),
        ]:
            prototype.append({"fname": name})
            self._fill(one, prototype[-1], Place(), depth + 1)
        _put(item, "(func)", FUNC, 1)

    def _plain(self, kind: Type, item: Description) -> None:
        match kind:
            case IntType(name=name, size=size, signed=signed, kind=sort):
                if sort != "bool":
                    item["uint"] = int(not signed)
                _put(item, name, BOOL if sort == "bool" else INT, size)
            case FloatType(name=name, size=size):
                _put(item, name, FLT, size)
            case IncompleteType(kind=tag, name=tagname):
                item.update(
                    {"body": []} if tag != "enum" and "fname" not in item and "stars" not in item else {}
                )
                _put(item, f"{tag} {tagname}" if tagname else tag, _TAGS[tag], 0)
            case VoidType():
                _put(item, "void", VOID, 1)
            case _:
                raise UnknownTypeError("a type that gdb's view has no place for")

    def _code(self, kind: Type) -> int:
        """gdb's code of a type that is no typedef."""
        match kind:
            case TypeRef(name=name):
                return _TAGS[name.partition(" ")[0]]
            case StructType(kind=tag) | IncompleteType(kind=tag):
                return _TAGS[tag]
            case IntType(kind=sort):
                return BOOL if sort == "bool" else INT
            case _:
                return _KINDS.get(type(kind), VOID)


def _put(item: Description, name: str, code: int, size: int) -> None:
    item["basetype"], item["codetype"], item["typelength"] = name, code, size


def _is_tag(name: str) -> bool:
    return name.startswith(("struct ", "union ", "enum "))
