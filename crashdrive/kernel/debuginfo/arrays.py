"""The dimensions of one array, read in the entry of the structure or typedef that it stands in.

That entry is found by its name (`crashdrive.kernel.debuginfo.named`).
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from crashdrive.dump.elf import BadElfError
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.dimensions import said
from crashdrive.kernel.debuginfo.entries import Entry, Unit, UnknownFormError
from crashdrive.kernel.debuginfo.named import NamedEntries
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.debuginfo.types import bounds, type_of

_KEYWORDS = {"struct": e.STRUCT, "union": e.UNION}
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[0\]")
_MOST = 1 << 30  # bytes that are searched, each name's place counted, before there is something cheaper
_DEEPEST = 12
_NOT = frozenset({*e.QUALIFIERS, e.TYPEDEF, e.POINTER})


class ArrayShape(NamedTuple):
    """An array: what it is made of, as `crashdrive.kernel.debuginfo.dimensions.made_of` has it, and its
    dimensions, outermost first.
    """

    element: str
    bounds: tuple[int, ...]


class Arrays:
    """Arrays of a vmlinux's structures and typedefs."""

    def __init__(self, vmlinux: str) -> None:
        self._vmlinux = vmlinux
        self._names: NamedEntries | None = None
        self._found: dict[str, tuple[Unit, Entry] | None] = {}

    def find(self, outer: str, path: str) -> ArrayShape | None:
        """The array at a path (``nr_pages``, ``a[0].b``, "") of ``struct zone`` or of a typedef.

        None where it isn't found, or a bound isn't told; also after a gigabyte was searched: to look for all
        arrays at once costs less then.
        """
        try:
            found = self._outer(outer)
            if found is None:
                return None
            unit, entry = found
            array = _followed(unit, entry, path)
            told = None if array is None else bounds(unit, array)
            if array is None or not told or any(one is None or not 0 < one < 1 << 32 for one in told):
                return None
            return ArrayShape(said(unit, array), tuple(one or 0 for one in told))
        except (UnknownFormError, VmlinuxError, BadElfError, LookupError, OverflowError, struct.error):
            return None

    def _outer(self, outer: str) -> tuple[Unit, Entry] | None:
        if outer not in self._found:
            self._names = names = self._names or NamedEntries(Sections(self._vmlinux), _MOST)
            if names.is_tired():
                return None
            keyword, _, name = outer.rpartition(" ")
            tag = _KEYWORDS.get(keyword, e.TYPEDEF) if keyword in {*_KEYWORDS, ""} else 0
            found = next(names.find(name, tag), None)
            if found is None and names.is_tired():
                return None
            self._found[outer] = found
        return self._found[outer]


def _followed(unit: Unit, entry: Entry, path: str) -> Entry | None:
    """The array at the end of a path."""
    kind: Entry | None = entry
    # the first step needs no dot
    steps = path if not path or path[0] in ".[" else f".{path}"
    at = 0
    while at < len(steps):
        step = _STEP.match(steps, at)
        kind = _without(unit, kind, frozenset({*e.QUALIFIERS, e.TYPEDEF}))
        if step is None or kind is None:
            return None
        if step[1] is None:
            kind = type_of(unit, kind) if kind.tag == e.ARRAY else None
        else:
            kind = _member(unit, kind, step[1], 0)
        at = step.end()
    found = _without(unit, kind, _NOT)
    return found if found is not None and found.tag == e.ARRAY else None


def _without(unit: Unit, kind: Entry | None, tags: frozenset[int]) -> Entry | None:
    for _ in range(_DEEPEST):
        if kind is None or kind.tag not in tags:
            return kind
        kind = type_of(unit, kind)
    return None


def _member(unit: Unit, kind: Entry, name: str, depth: int) -> Entry | None:
    """The type of a member, also of one in a structure without a name."""
    if kind.tag not in _KEYWORDS.values() or depth > _DEEPEST:
        return None
    for child in unit.children(kind):
        if child.tag != e.MEMBER:
            continue
        own = child.attributes.get(e.NAME)
        if own == name:
            return type_of(unit, child)
        if own is None:
            inner = _without(unit, type_of(unit, child), e.QUALIFIERS)
            found = None if inner is None else _member(unit, inner, name, depth + 1)
            if found is not None:
                return found
    return None
