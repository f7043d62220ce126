"""Entries of structures, unions, enumerations and typedefs by their names: no gdb, and no index of names.

The name's places in ``.debug_str`` are looked for among the entries, from the front, so that a structure that
many units have is found at once.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Abbreviation, Entry, Unit, UnknownFormError, unit_at
from crashdrive.kernel.debuginfo.sections import Sections

_REFERRED = 0x0E  # DW_FORM_strp
_SHORT = 4  # bytes of a text that compilers put into the entry itself
_WINDOW = 4 << 20


class NamedEntries:
    """The definitions in an image's debug data, by name.

    ``most``: bytes that are searched in all, each of a name's places counted; None without a bound.
    """

    def __init__(self, sections: Sections, most: int | None = None) -> None:
        self._sections = sections
        self._most = most
        self._searched = 0

    def is_tired(self) -> bool:
        """Whether as many bytes were searched as may be: nothing more is found."""
        return self._most is not None and self._searched > self._most

    def find(self, name: str, tag: int) -> Iterator[tuple[Unit, Entry]]:
        """All definitions of a name, those of every unit.

        All refer to one copy of its text, where a linker has joined copies; others stand by themselves.
        """
        whole = _whole(self._sections, name)
        for needles in _needles(self._sections, name):
            found = False
            for unit, entry in self._with(name, tag, needles, whole):
                found = True
                yield unit, entry
            if found:
                yield from self._with(name, tag, {n: form for n, form in whole.items() if n not in needles})
                return

    def places(self, name: str) -> Iterator[int]:
        """Where entries may refer to a name."""
        size = len(self._sections.get(".debug_info"))
        for needles in _needles(self._sections, name):
            for needle in needles:
                yield from self._sections.places(".debug_info", needle, 0, size)

    def _with(
        self, name: str, tag: int, needles: dict[bytes, int], whole: Collection[bytes] = ()
    ) -> Iterator[tuple[Unit, Entry]]:
        """Definitions that one of the ``needles`` stands in; behind the first one, it or a ``whole`` text."""
        sections = self._sections
        size = len(sections.get(".debug_info")) if needles else 0
        for start in range(0, size, _WINDOW):
            if self.is_tired():
                return
            end = min(start + _WINDOW, size)
            self._searched += (end - start) * len(needles)
            places = sorted(
                (place, form, needle)
                for needle, form in needles.items()
                # one that begins before the end of the window, and may end behind it
                for place in sections.places(".debug_info", needle, start, min(end + len(needle) - 1, size))
            )
            unit: Unit | None = None
            for place, form, needle in places:
                if needle not in needles:
                    continue
                if unit is None or not unit.offset <= place < unit.end:
                    unit = unit_at(sections, place)
                for entry in _named_at(unit, place, form, name, tag):
                    needles = {n: form for n, form in needles.items() if n == needle or n in whole}
                    yield unit, entry


def _whole(sections: Sections, name: str) -> dict[bytes, int]:
    """What an entry's name stands as where its text isn't the end of another one."""
    text = name.encode() + b"\0"
    strings = sections.get(".debug_str")
    found = {text: e.INLINE_TEXT} if len(text) <= e.LONGEST_INLINE else {}
    starts = [0] if bytes(strings[: len(text)]) == text else []
    starts += [at + 1 for at in sections.places(".debug_str", b"\0" + text, 0, len(strings))]
    return found | {struct.pack(f"{sections.order}I", at): _REFERRED for at in starts}


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
        likely.append((strings[begin:at][::-1], struct.pack(f"{sections.order}I", at)))
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
