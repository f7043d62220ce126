"""Paths of members: ``__sk_common.skc_state``, ``numbers[0].nr``, ``real_parent->tgid``."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple, Protocol

from crashdrive.errors import KernelError, UnknownMemberError
from crashdrive.kernel.types.model import (
    ArrayType,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    size_of,
    type_name,
)

_STEP = re.compile(r"(?:\.|->)?([A-Za-z_]\w*)|\[(\d{1,9})\]", re.ASCII)


class Resolver(Protocol):
    """What knows types by name: `crashdrive.kernel.types.layouts.Layouts`."""

    @property
    def flattens(self) -> bool:
        """Whether arrays of several dimensions may come as arrays of one: what BTF gives."""
        ...

    def resolve(self, kind: Type) -> Type:
        """The type that a reference or a typedef stands for."""
        ...


class Place(NamedTuple):
    """Where a path of members ends: its type and bit offset; ``bit_size`` of a bit-field, else None.

    ``rest`` is what follows a pointer in the path; empty where the path ends here.
    """

    type: Type
    bit_offset: int
    bit_size: int | None = None
    rest: str = ""

    @property
    def offset(self) -> int:
        """Offset in bytes."""
        return self.bit_offset >> 3


def bare(layouts: Resolver, kind: Type) -> Type:
    """A type without its typedefs and references; an array with all of its dimensions."""
    if isinstance(kind, TypeRef | TypedefType) or (isinstance(kind, ArrayType) and kind.origin is not None):
        return layouts.resolve(kind)
    return kind


def sizeof(layouts: Resolver, kind: Type) -> int:
    """A type's size in bytes; 0 for void, functions and incomplete types."""
    size = size_of(kind)
    if size is None and isinstance(kind := bare(layouts, kind), ArrayType):
        return sizeof(layouts, kind.element) * (kind.count or 0)
    return size if size is not None else size_of(kind) or 0


def find(layouts: Resolver, kind: Type, path: str) -> Place:
    """Follow a path until its end or its first pointer; UnknownMemberError says what is near."""
    place = Place(kind, 0)
    at = 0
    indexed = False
    while at < len(path):
        target = bare(layouts, place.type)
        if indexed and path[at] == "[" and layouts.flattens:
            raise flattened(path)
        if at and isinstance(target, PointerType) and path[at:] not in {".", "->"}:
            return place._replace(rest=path[at:].removeprefix("->").removeprefix("."))
        step = _STEP.match(path, at)
        if step is None or (path[at] in ".-" if at == 0 else path[at] not in ".-["):
            raise UnknownMemberError(f"{path!a} is no path of members (such as __sk_common.skc_state)")
        place = _step(layouts, place, target, step[1], step[2])
        indexed = step[2] is not None
        at = step.end()
    return place


def flattened(what: str) -> KernelError:
    """The error for an index into a second dimension of what BTF has as an array of one."""
    return KernelError(f"{what}: types came from BTF, which has arrays of several dimensions as one")


def direct(layouts: Resolver, kind: Type, path: str) -> Place:
    """The same for a path inside of the type itself; UnknownMemberError where it leads through a pointer."""
    place = find(layouts, kind, path)
    if place.rest:
        raise UnknownMemberError(
            f"{path} leads through a pointer: {place.rest} lies outside of {type_name(kind)}"
        )
    return place


def _step(layouts: Resolver, place: Place, target: Type, name: str | None, index: str | None) -> Place:
    if name is not None:
        member, offset, bits = member_of(target, name)
        return Place(member, place.bit_offset + offset, bits)
    if not isinstance(target, ArrayType):
        raise UnknownMemberError(f"{type_name(place.type)} is no array")
    # an array of no or one element at a structure's end is an older form of x[]
    if target.count is not None and target.count > 1 and int(index or 0) >= target.count:
        raise UnknownMemberError(f"{type_name(place.type)} has no element [{index}]")
    size = sizeof(layouts, target.element)
    return Place(target.element, place.bit_offset + 8 * size * int(index or 0))


# places by name, for each structure that members were asked of: to look for one takes twenty times as long
_PLACES: dict[int, tuple[Type, dict[str, Place]]] = {}
_MOST_STRUCTURES = 4096


def place_of(layouts: Resolver, kind: Type, path: str) -> Place:
    """As `find`; a plain name that was asked for before takes no time."""
    known = _PLACES.get(id(kind))
    if known is not None and (place := known[1].get(path)) is not None:
        return place
    if not path.isidentifier():
        return find(layouts, kind, path)
    found = Place(*member_of(kind, path))
    if known is None:
        if len(_PLACES) >= _MOST_STRUCTURES:
            _PLACES.clear()
        # the type is held: another one can't get its number
        known = _PLACES[id(kind)] = (kind, {})
    known[1][path] = found
    return found


def member_of(kind: Type, name: str) -> tuple[Type, int, int | None]:
    """(type, bit offset, bit size or None) of a structure's member by its plain name."""
    if not isinstance(kind, StructType):
        raise UnknownMemberError(f"{type_name(kind)} has no members, so no {name!a}")
    found = kind.find(name)
    if found is None:
        raise UnknownMemberError(f"{type_name(kind)} has no member {name!a}{near(kind, name)}")
    member, place = found
    return member.type, place, member.bit_size


def near(kind: StructType, name: str) -> str:
    """``; near: state, __state`` where there are such members, else nothing."""
    names = [leaf[0] for leaf in kind.leaves()]
    close = difflib.get_close_matches(name, names, n=4, cutoff=0.6)
    close += [n for n in names if name in n and n not in close][: 4 - len(close)]
    return f"; near: {', '.join(close)}" if close else ""


def target_of(layouts: Resolver, place: Place) -> Type:
    """What the pointer at a place points to."""
    kind = bare(layouts, place.type)
    if not isinstance(kind, PointerType):
        raise UnknownMemberError(f"{type_name(place.type)} is no pointer")
    return kind.target
