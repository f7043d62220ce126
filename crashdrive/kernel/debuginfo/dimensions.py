"""Which arrays of a kernel have several dimensions: found in the vmlinux's DWARF by one search.

BTF keeps ``x[2][8]`` as ``x[16]``. DWARF has an entry for each array, with one entry for each dimension.
Those with several are looked for as bytes, unit by unit, and told by what they are made of: an array of BTF
that has other elements, or another number of them, has one dimension for sure.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping

from crashdrive.dump.elf import BadElfError
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Abbreviation, Entry, Unit, UnknownFormError
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.debuginfo.types import bound, type_of
from crashdrive.kernel.types.model import FloatType, IntType, PointerType, Type, TypeRef

Dimensions = dict[str, list[int]]
"""By what arrays of several dimensions are made of (see `made_of`): how many elements they have in all."""

_TAGS = {e.STRUCT: "struct ", e.UNION: "union ", e.ENUM: "enum ", e.TYPEDEF: ""}
_OTHER = "?"
_REFERENCE = 0x13
# what a type may be wrapped in before a member has it
_WRAPPERS = frozenset({*e.QUALIFIERS, e.POINTER})
_INLINE_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*\0\Z")
_SUBRANGE_BYTES = 32  # of one whose size isn't fixed
_DEEPEST = 8


def dimensions(vmlinux: str) -> Dimensions | None:
    """All arrays of several dimensions; None where that can't be told, as where there is no DWARF."""
    try:
        sections = Sections(vmlinux)
        information = sections.get(".debug_info")
        found: dict[str, set[int]] = {}
        at = 0
        while at < len(information):
            unit = Unit(sections, at)
            _add(unit, found)
            at = unit.end
    except (UnknownFormError, VmlinuxError, BadElfError, LookupError, OverflowError, struct.error):
        return None
    return {element: sorted(counts) for element, counts in found.items()} if at else None


def made_of(element: Type) -> str:
    """What an array is made of, in the words of `dimensions`: a name, or the size of a larger number."""
    match element:
        case TypeRef(name=name):
            return name.partition("@")[0]
        case IntType(name=name, size=1):
            return name
        case IntType(size=size) | FloatType(size=size):
            return str(size)
        case PointerType(target=target):
            return f"{made_of(target)} *"
        case _:
            return _OTHER


class _Users:
    """Entries that may refer to an array type as a member's, by the bytes between their code and that.

    ``plain``: code, and whether it only wraps the type; ``inline``: codes of those that hold their name.
    """

    def __init__(self, abbreviations: Mapping[int, Abbreviation]) -> None:
        """UnknownFormError where a reference stands at no fixed place."""
        self.plain: dict[int, dict[bytes, bool]] = {}
        self.inline: dict[int, list[bytes]] = {}
        for code, kind in abbreviations.items():
            if kind.tag in {e.MEMBER, e.TYPEDEF, *_WRAPPERS}:
                self._add(_leb(code), kind)

    def _add(self, code: bytes, kind: Abbreviation) -> None:
        before, inline = 0, False
        for attribute, form, _ in kind.attributes:
            if attribute == e.TYPE and form == _REFERENCE:
                break
            if attribute == e.NAME and form == e.INLINE_TEXT and not before:
                inline = True
            elif attribute == e.TYPE or form not in e.FIXED:
                raise UnknownFormError
            else:
                before += e.FIXED[form]
        else:
            return  # to void
        if inline:
            self.inline.setdefault(before, []).append(code)
        else:
            self.plain.setdefault(before + len(code), {})[code] = kind.tag in _WRAPPERS

    def lead_to(self, data: bytes, place: int, depth: int = 0) -> bool:
        """Whether a member or typedef has the type at a place in a unit, or a pointer to it."""
        if depth > _DEEPEST:
            return True
        reference, at = struct.pack("<I", place), 0
        while (at := data.find(reference, at)) >= 0:
            for distance, codes in self.plain.items():
                for code, wraps in codes.items():
                    start = at - distance
                    if (
                        start >= 0
                        and data.startswith(code, start)
                        and not (wraps and not self.lead_to(data, start, depth + 1))
                    ):
                        return True
            for distance, names in self.inline.items():
                name = _INLINE_NAME.search(
                    data, max(at - distance - e.LONGEST_INLINE, 0), max(at - distance, 0)
                )
                # it may begin with what is the code of the entry
                for start in range(name.start() if name else 0, name.end() - 1 if name else 0):
                    if any(data.endswith(code, 0, start) for code in names):
                        return True
            at += 1
        return False


def _add(unit: Unit, found: dict[str, set[int]]) -> None:
    """Add those of a unit that are the type of a member; of variables their own entries tell."""
    users: _Users | None = None
    data = bytes(unit.data[unit.offset : unit.end])
    for place, element, count in _of_unit(unit, data):
        if count in found.get(element, ()):
            continue
        users = _Users(unit.abbreviations) if users is None else users
        if users.lead_to(data, place):
            found.setdefault(element, set()).add(count)


def _of_unit(unit: Unit, data: bytes) -> Iterator[tuple[int, str, int]]:
    arrays = {code: kind for code, kind in unit.abbreviations.items() if kind.tag == e.ARRAY}
    ranges = {code: kind for code, kind in unit.abbreviations.items() if kind.tag == e.SUBRANGE}
    if not arrays or not ranges:
        return
    # two entries of bounds, one behind the other
    pattern, start = re.compile(b"(?s:(?:%b)(?:%b){2})" % (_any_of(arrays), _any_of(ranges))), 0
    while match := pattern.search(data, start):
        start = match.start() + 1
        array = _array_at(unit, unit.offset + match.start())
        if array is not None:
            yield match.start(), *array


def _any_of(kinds: Mapping[int, Abbreviation]) -> bytes:
    """What entries of these codes look like, as a pattern."""
    codes: dict[int | None, list[bytes]] = {}
    for code, kind in kinds.items():
        codes.setdefault(kind.size, []).append(re.escape(_leb(code)))
    return b"|".join(
        b"(?:%b)%b" % (b"|".join(each), b".{0,%d}?" % _SUBRANGE_BYTES if size is None else b".{%d}" % size)
        for size, each in codes.items()
    )


def _array_at(unit: Unit, place: int) -> tuple[str, int] | None:
    """What the array at a place is made of, and of how many; None for one dimension, or where none is."""
    sizes: list[int] = []
    end = 0
    try:
        array = unit.entry(place)
        for child in unit.children(array):
            if child.tag != e.SUBRANGE or len(sizes) > _DEEPEST:
                return None
            sizes.append(bound(child) or 0)
            end = child.end
        if len(sizes) < 2 or array.number(e.SIBLING) not in {None, end + 1}:
            return None
        return said(unit, array), math.prod(sizes)
    except (UnknownFormError, LookupError, struct.error):
        # bytes that look like an array
        return None


def _target(unit: Unit, entry: Entry) -> Entry | None:
    """What an array is made of, or a pointer points to, without qualifiers."""
    found = type_of(unit, entry)
    for _ in range(_DEEPEST):
        if found is None or found.tag not in e.QUALIFIERS:
            break
        found = type_of(unit, found)
    return found


def said(unit: Unit, array: Entry) -> str:
    """What an array is made of, as `made_of` has it."""
    return _said(unit, _target(unit, array))


def _said(unit: Unit, element: Entry | None, depth: int = 0) -> str:
    """As `made_of` has it."""
    if element is None or depth > _DEEPEST:
        return _OTHER
    if element.tag == e.POINTER:
        return f"{_said(unit, _target(unit, element), depth + 1)} *"
    name = element.attributes.get(e.NAME)
    if element.tag in _TAGS and isinstance(name, str):
        return f"{_TAGS[element.tag]}{name}"
    if element.tag == e.BASE:
        return str(name) if element.number(e.SIZE) == 1 else str(element.number(e.SIZE))
    return _OTHER


def _leb(code: int) -> bytes:
    found = bytearray()
    while code >= 0x80:
        found.append(code & 0x7F | 0x80)
        code >>= 7
    return bytes([*found, code])
