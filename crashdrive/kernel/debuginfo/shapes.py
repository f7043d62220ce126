"""The dimensions of a structure's arrays, out of its entry in DWARF: no gdb, and no index of names.

BTF keeps ``x[2][8]`` as ``x[16]``. A structure's entry begins with its name, or a reference to it, and its
size: one search of the debug data finds it, in a tenth of a second.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property

from crashdrive.dump.elf import BadElfError
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Entry, Unit, UnknownFormError
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.debuginfo.types import bounds, type_of

_TAGS = {"struct": e.STRUCT, "union": e.UNION}
_REFERRED = 0x0E  # DW_FORM_strp
_DEEPEST = 16


class Shapes:
    """The dimensions of arrays in an image's structures."""

    def __init__(self, vmlinux: str) -> None:
        self._path = vmlinux

    @cached_property
    def _sections(self) -> Sections:
        return Sections(self._path)

    @cached_property
    def _starts(self) -> list[int]:
        return list(_starts(self._sections.get(".debug_info")))

    def of(self, name: str, size: int) -> dict[str, list[int]] | None:
        """Those of ``struct task_struct``, say, of so many bytes, by the members' paths.

        A path is as gdb has it: ``comm``, ``a.b`` of a member of a nameless structure. An open bound is 0.
        None where the structure isn't found, as where there is no DWARF.
        """
        keyword, _, tag = name.partition(" ")
        if keyword not in _TAGS or not tag or not size:
            return None
        try:
            for unit, place in self._places(_TAGS[keyword], tag, size):
                found = _read(unit, place, tag, size)
                if found is not None:
                    return found
        except (UnknownFormError, VmlinuxError, BadElfError, LookupError, OverflowError, struct.error):
            pass
        return None

    def _places(self, tag: int, name: str, size: int) -> Iterator[tuple[Unit, int]]:
        """Where entries of types of that name and size may stand, with their units."""
        text = name.encode() + b"\0"
        width = next(width for width in (1, 2, 4, 8) if size < 1 << 8 * width)
        behind = size.to_bytes(width, "little")
        if len(text) <= e.LONGEST_INLINE:
            for place in self._sections.places(".debug_info", text + behind):
                yield from self._at(tag, place, e.INLINE_TEXT)
        # a name may be the end of longer ones: of which one isn't known
        names = {place.to_bytes(4, "little") for place in self._sections.places(".debug_str", text)}
        for high in sorted({one[-1:] for one in names}):
            yield from self._referred(tag, names, high + behind)

    def _referred(self, tag: int, names: AbstractSet[bytes], wanted: bytes) -> Iterator[tuple[Unit, int]]:
        """Those whose name is one of these references; ``wanted``: their last byte and the size behind it."""
        information = self._sections.get(".debug_info")
        for match in re.finditer(re.escape(wanted), information):
            place = match.start() - 3
            if place >= 0 and bytes(information[place : place + 4]) in names:
                yield from self._at(tag, place, _REFERRED)

    def _at(self, tag: int, place: int, form: int) -> Iterator[tuple[Unit, int]]:
        """Where entries of a tag begin whose name, in that form, stands at a place."""
        unit = Unit(self._sections, self._starts[bisect_right(self._starts, place) - 1])
        for code, kind in unit.abbreviations.items():
            if kind.tag == tag and kind.attributes and kind.attributes[0][:2] == (e.NAME, form):
                start = place - (1 if code < 0x80 else 2)
                if start >= unit.first and e.unsigned(unit.data, start) == (code, place):
                    yield unit, start


def _read(unit: Unit, place: int, name: str, size: int) -> dict[str, list[int]] | None:
    """The arrays of the structure at a place; None where bytes only look like that structure."""
    try:
        entry = unit.entry(place)
        if entry.attributes.get(e.NAME) != name or entry.number(e.SIZE) != size or not entry.children:
            return None
        end = entry.end
        for child in unit.children(entry):
            end = unit.behind(child)
        # a byte without a code ends the children
        if entry.number(e.SIBLING) not in {None, end + 1}:
            return None
        return dict(_arrays(unit, entry, ""))
    except (UnknownFormError, LookupError, struct.error):
        return None


def _starts(information: bytes | memoryview) -> Iterator[int]:
    """Where units begin."""
    at = 0
    while at < len(information):
        yield at
        at += 4 + struct.unpack_from("<I", information, at)[0]


def _arrays(unit: Unit, kind: Entry, before: str, depth: int = 0) -> Iterator[tuple[str, list[int]]]:
    if depth > _DEEPEST:
        raise UnknownFormError
    for member in unit.children(kind):
        target = _unqualified(unit, member) if member.tag == e.MEMBER else None
        if target is None:
            continue
        name = member.attributes.get(e.NAME)
        if target.tag == e.ARRAY and isinstance(name, str):
            yield before + name, _dimensions(unit, target)
        elif target.tag in {e.STRUCT, e.UNION} and e.NAME not in target.attributes:
            inside = f"{before}{name}." if isinstance(name, str) else before
            yield from _arrays(unit, target, inside, depth + 1)


def _dimensions(unit: Unit, array: Entry) -> list[int]:
    found: list[int] = []
    kind: Entry | None = array
    while kind is not None and kind.tag == e.ARRAY:
        found += [one or 0 for one in bounds(unit, kind)]
        if len(found) > _DEEPEST:
            raise UnknownFormError
        kind = _unqualified(unit, kind)
    return found


def _unqualified(unit: Unit, entry: Entry) -> Entry | None:
    """The type of an entry without qualifiers."""
    found = type_of(unit, entry)
    for _ in range(_DEEPEST):
        if found is None or found.tag not in e.QUALIFIERS:
            return found
        found = type_of(unit, found)
    raise UnknownFormError
