"""Types as C spells them, and the members that lie at a distance."""

from __future__ import annotations

import math

from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Entry, Unit

_DEEPEST = 20
_QUALIFIERS = {e.CONST: "const ", e.VOLATILE: "volatile ", e.RESTRICT: ""}
_TAGS = {e.STRUCT: "struct", e.UNION: "union", e.ENUM: "enum"}


def type_of(unit: Unit, entry: Entry) -> Entry | None:
    """The entry of an entry's type; None for void."""
    place = entry.number(e.TYPE)
    return unit.entry(place) if place is not None else None


def bare(unit: Unit, entry: Entry | None) -> Entry | None:
    """A type without typedefs and qualifiers."""
    for _ in range(_DEEPEST):
        if entry is None or entry.tag not in {*_QUALIFIERS, e.TYPEDEF}:
            return entry
        entry = type_of(unit, entry)
    return None


def spelled(unit: Unit, entry: Entry | None, depth: int = 0) -> str:
    """A type's name: ``struct file *``, ``const char *``, ``u32``."""
    if entry is None or depth > _DEEPEST:
        return "void" if entry is None else "?"
    if entry.tag in {e.POINTER, e.ARRAY, *_QUALIFIERS}:
        inner = spelled(unit, type_of(unit, entry), depth + 1)
        if entry.tag == e.POINTER:
            return f"{inner}*" if inner.endswith("*") else f"{inner} *"
        return f"{inner} []" if entry.tag == e.ARRAY else _QUALIFIERS[entry.tag] + inner
    name = entry.attributes.get(e.NAME)
    said = name if isinstance(name, str) else "{...}"
    if entry.tag == e.ROUTINE:
        return "function"
    return f"{_TAGS[entry.tag]} {said}" if entry.tag in _TAGS else said


def pointee(unit: Unit, entry: Entry | None) -> Entry | None:
    """The structure or union that a type points to; None where it is no such pointer."""
    found = bare(unit, entry)
    if found is None or found.tag != e.POINTER:
        return None
    target = bare(unit, type_of(unit, found))
    return target if target is not None and target.tag in {e.STRUCT, e.UNION} else None


def member_at(unit: Unit, kind: Entry, distance: int, depth: int = 0) -> str | None:
    """The member that lies at a distance in a structure: ``next``, ``lock.owner``, ``f_path.dentry``."""
    if depth > _DEEPEST or distance < 0:
        return None
    for child in unit.children(kind):
        if child.tag != e.MEMBER:
            continue
        inner = bare(unit, type_of(unit, child))
        at, size = _extent(unit, child, inner)
        if not at <= distance < at + max(size, 1):
            continue
        name = str(child.attributes.get(e.NAME) or "")
        if inner is not None and inner.tag in {e.STRUCT, e.UNION}:
            below = member_at(unit, inner, distance - at, depth + 1)
            if below:
                return f"{name}.{below}" if name else below
        if inner is not None and inner.tag == e.ARRAY:
            return f"{name}[]"
        return name or None
    return None


def _extent(unit: Unit, member: Entry, kind: Entry | None) -> tuple[int, int]:
    """A member's first byte and its bytes; of a bit-field those that its bits lie in."""
    at, size = member.number(e.MEMBER_AT) or 0, _size(unit, kind)
    bits = member.number(e.BIT_SIZE)
    if not bits:
        return at, size
    bit = member.number(e.DATA_BIT_OFFSET)
    if bit is None:  # DWARF 4 counts from the highest bit of what holds it
        bit = 8 * (at + (member.number(e.SIZE) or size)) - (member.number(e.BIT_OFFSET) or 0) - bits
    first, last = bit // 8, (bit + bits - 1) // 8
    return first, last - first + 1


def _size(unit: Unit, entry: Entry | None) -> int:
    if entry is None:
        return 0
    if entry.tag == e.ARRAY:
        element = bare(unit, type_of(unit, entry))
        return _size(unit, element) * math.prod(number or 0 for number in bounds(unit, entry))
    return entry.number(e.SIZE) or 0


def bounds(unit: Unit, array: Entry) -> list[int | None]:
    """How many elements an array has in each dimension; None where there is no bound."""
    return [bound(one) for one in unit.children(array) if one.tag == e.SUBRANGE]


def bound(dimension: Entry) -> int | None:
    """The same of one dimension."""
    if (count := dimension.number(e.COUNT)) is not None:
        return count
    last = dimension.number(e.UPPER_BOUND)
    return None if last is None else last + 1
