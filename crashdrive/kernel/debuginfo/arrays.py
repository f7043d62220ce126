"""The dimensions of one array, read in the entry of the structure or typedef that it stands in.

That entry is found by its name: the name's places in ``.debug_str`` are looked for among the entries, from
the front, so that a structure that many units have is found at once. No gdb, and no index of names.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from crashdrive.dump.elf import BadElfError
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.dimensions import said
from crashdrive.kernel.debuginfo.entries import Abbreviation, Entry, Unit, UnknownFormError, unit_at
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.debuginfo.types import bounds, type_of

_KEYWORDS = {"struct": e.STRUCT, "union": e.UNION}
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[0\]")
_REFERRED = 0x0E  # DW_FORM_strp
_SHORT = 4  # bytes of a text that compilers put into the entry itself
_WINDOW = 4 << 20
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
        self._sections: Sections | None = None
        self._found: dict[str, tuple[Unit, Entry] | None] = {}
        self._searched = 0

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
            if self._searched > _MOST:
                return None
            self._sections = self._sections or Sections(self._vmlinux)
            keyword, _, name = outer.rpartition(" ")
            tag = _KEYWORDS.get(keyword, e.TYPEDEF) if keyword in {*_KEYWORDS, ""} else 0
            self._found[outer] = None
            for unit, entry in self._entries(self._sections, name, tag):
                self._found[outer] = unit, entry
                break
            else:
                if self._searched > _MOST:
                    del self._found[outer]
                    return None
        return self._found[outer]

    def _entries(self, sections: Sections, name: str, tag: int) -> Iterator[tuple[Unit, Entry]]:
        """All definitions of a name, those of every unit."""
        for needles in _needles(sections, name):
            yield from self._with(sections, name, tag, needles)

    def _with(
        self, sections: Sections, name: str, tag: int, needles: dict[bytes, int]
    ) -> Iterator[tuple[Unit, Entry]]:
        size = len(sections.get(".debug_info"))
        for start in range(0, size, _WINDOW):
            if self._searched > _MOST:
                return
            end = min(start + _WINDOW, size)
            self._searched += (end - start) * len(needles)
            places = sorted(
                (place, form)
                for needle, form in needles.items()
                # one that begins before the end of the window, and may end behind it
                for place in sections.places(".debug_info", needle, start, min(end + len(needle) - 1, size))
            )
            unit: Unit | None = None
            for place, form in places:
                if unit is None or not unit.offset <= place < unit.end:
                    unit = unit_at(sections, place)
                yield from ((unit, entry) for entry in _named_at(unit, place, form, name, tag))


def _needles(sections: Sections, name: str) -> Iterator[dict[bytes, int]]:
    """What an entry's name may stand as, with its form: the likeliest first.

    A linker has one copy of each text, and none of one that another ends in: GNU ld lets it be the end of
    that which comes first when all are sorted from their ends (``strrevcmp`` in bfd/merge.c).
    """
    text = name.encode() + b"\0"
    if len(text) <= _SHORT:
        yield {text: e.INLINE_TEXT}
    strings = bytes(sections.get(".debug_str"))
    likely: list[tuple[bytes, bytes]] = []
    at = strings.find(text)
    while at >= 0:
        begin = strings.rfind(b"\0", 0, at) + 1
        likely.append((strings[begin:at][::-1], struct.pack("<I", at)))
        at = strings.find(text, at + 1)
    places = [place for _, place in sorted(likely)]
    yield dict.fromkeys(places[:1], _REFERRED)
    others = dict.fromkeys(places[1:], _REFERRED)
    if _SHORT < len(text) <= e.LONGEST_INLINE:
        others[text] = e.INLINE_TEXT
    yield others


def _named_at(unit: Unit, place: int, form: int, name: str, tag: int) -> Iterator[Entry]:
    """Entries of a tag that define a name, which stands at a place."""
    for code, kind in unit.abbreviations.items():
        before = _before_name(kind, form) if kind.tag == tag else None
        if before is None:
            continue
        start = place - before - (1 if code < 0x80 else 2)
        if start < unit.first or e.unsigned(unit.data, start)[0] != code:
            continue
        # bytes of something else may look like it
        try:
            entry = unit.entry(start)
        except (UnknownFormError, LookupError, struct.error):
            continue
        if entry.attributes.get(e.NAME) == name and _is_whole(entry):
            known = (one.offset for one in unit.at_top(tag) if one.offset >= start)
            if next(known, None) == start:
                yield entry


def _before_name(kind: Abbreviation, wanted: int) -> int | None:
    """Bytes of an entry before its name; None where that has another form, or no fixed place."""
    size = 0
    for attribute, form, _ in kind.attributes:
        if attribute == e.NAME:
            return size if form == wanted else None
        if form not in e.FIXED:
            return None
        size += e.FIXED[form]
    return None


def _is_whole(entry: Entry) -> bool:
    """Whether an entry defines what it names; a declaration has no size."""
    return entry.number(e.TYPE if entry.tag == e.TYPEDEF else e.SIZE) is not None


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
