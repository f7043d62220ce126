"""Debug information entries: units, abbreviations, attributes. DWARF 4 and 5, in 32-bit form.

Source: DWARF 5, chapter 7. What isn't known raises `UnknownFormError`: nothing is guessed.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from crashdrive.kernel.debuginfo.sections import Sections

NAME, LOW, HIGH, LOCATION, RANGES, ORIGIN, SPECIFICATION, TYPE = (
    0x03,
    0x11,
    0x12,
    0x02,
    0x55,
    0x31,
    0x47,
    0x49,
)
SIBLING, STATEMENTS, FRAME_BASE, CONST_VALUE, SIZE = 0x01, 0x10, 0x40, 0x1C, 0x0B
CALL_FILE, CALL_LINE, MEMBER_AT, DIRECTORY, DECL_FILE, DECL_LINE = 0x58, 0x59, 0x38, 0x1B, 0x3A, 0x3B
DATA_BIT_OFFSET, BIT_OFFSET, BIT_SIZE, UPPER_BOUND, COUNT = 0x6B, 0x0C, 0x0D, 0x2F, 0x37
SUBPROGRAM, INLINED, BLOCK, PARAMETER, VARIABLE, MEMBER = 0x2E, 0x1D, 0x0B, 0x05, 0x34, 0x0D
POINTER, STRUCT, UNION, ENUM, ARRAY, TYPEDEF = 0x0F, 0x13, 0x17, 0x04, 0x01, 0x16
CONST, VOLATILE, RESTRICT, BASE, ROUTINE, SUBRANGE = 0x26, 0x35, 0x37, 0x24, 0x15, 0x21
QUALIFIERS = frozenset({CONST, VOLATILE, RESTRICT})
INLINE_TEXT = 0x08  # DW_FORM_string: the text stands in the entry itself
LONGEST_INLINE = 8  # bytes of such a text: compilers refer to a longer one
FIXED = {
    0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1, 0x12: 2, 0x13: 4,
    0x14: 8, 0x17: 4, 0x19: 0, 0x1E: 16, 0x1F: 4, 0x20: 8, 0x21: 0,
}  # fmt: skip
_NUMBERS = {0x01, 0x05, 0x06, 0x07, 0x0B, 0x0C, 0x10, 0x11, 0x12, 0x13, 0x14, 0x17, 0x1E, 0x20}
_LEB = {0x0D, 0x0F, 0x15}
_OF_UNIT = {0x11, 0x12, 0x13, 0x14, 0x15}  # references: distances from the unit's start
_BLOCKS = {0x03: 2, 0x04: 4, 0x0A: 1}
_FLAG, _IMPLICIT, _SIGNED = 0x19, 0x21, 0x0D
_STRINGS = {0x0E: ".debug_str", 0x1F: ".debug_line_str"}
_NO_BYTES = {_FLAG, _IMPLICIT}
_EXPRESSION, _BLOCK = 0x18, 0x09
_KINDS = {0x01, 0x03}  # DW_UT_compile, DW_UT_partial
# a code; its tag, whether it has children, attributes (a constant behind form 0x21), and the two zeros
_NUMBER = rb"[\x80-\xff]*[\x01-\x7f]"
_DECLARATION = re.compile(
    rb"(?s)(%b)(%b[\0\1](?:%b(?:[\x01-\x20\x22-\x7f]|[\x80-\xff]+[\0-\x7f]|\x21[\x80-\xff]*[\0-\x7f]))*\0\0)"
    % (_NUMBER, _NUMBER, _NUMBER)
)


class UnknownFormError(Exception):
    """Something of DWARF that isn't read here, or damage."""


class Abbreviation(NamedTuple):
    """What entries of a code are like; ``sibling``: where among fixed attributes that is; ``size``: of all
    attributes, None where that differs.
    """

    tag: int
    children: bool
    attributes: tuple[tuple[int, int, int], ...]
    size: int | None
    sibling: int | None


class Entry(NamedTuple):
    """An entry: where it stands, its tag, attributes, where its first child or the next one stands."""

    offset: int
    tag: int
    children: bool
    attributes: dict[int, int | bytes | str]
    end: int
    forms: dict[int, int]

    def number(self, attribute: int) -> int | None:
        """A number or reference; None where there is none."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, int) else None


def unsigned(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """A ULEB128, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def signed(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """An SLEB128, and where it ends."""
    start = at
    value, at = unsigned(data, at)
    bits = 7 * (at - start)
    return value - (1 << bits) if value >> bits - 1 else value, at


def text(data: bytes | memoryview, at: int) -> str:
    """A string that ends in NUL."""
    return inline_text(data, at)[0]


def inline_text(data: bytes | memoryview, at: int) -> tuple[str, int]:
    """A string that ends in NUL, and where what follows it begins."""
    end = at
    while end < len(data) and end - at < 4096:
        part = bytes(data[end : end + 64])
        if (nul := part.find(b"\0")) >= 0:
            return bytes(data[at : end + nul]).decode("utf-8", "backslashreplace"), end + nul + 1
        end += 64
    raise UnknownFormError


class Unit:
    """A unit of ``.debug_info`` at an offset.

    Entries of other units are read by those units' abbreviations: a linker that optimises, and dwz, let one
    unit refer to the types of another.
    """

    def __init__(self, sections: Sections, offset: int) -> None:
        self.sections = sections
        self.data = data = sections.get(".debug_info")
        self.offset = offset
        order = sections.order
        self._word, self._endian = struct.Struct(f"{order}I"), sections.endian
        length, self.version = struct.unpack_from(f"{order}IH", data, offset)
        if length >= 0xFFFF_FFF0 or self.version not in {4, 5}:
            raise UnknownFormError
        self.end = offset + 4 + length
        if self.version == 5:
            kind, size, abbreviations = struct.unpack_from(f"{order}BBI", data, offset + 6)
            self.first = offset + 12
        else:
            abbreviations, size = struct.unpack_from(f"{order}IB", data, offset + 6)
            kind, self.first = 1, offset + 11
        if size != 8 or kind not in _KINDS or self.end > len(data):
            raise UnknownFormError
        self._others: list[Unit] = []
        self.abbreviations = _abbreviations(sections.get(".debug_abbrev"), abbreviations)

    @cached_property
    def head(self) -> Entry:
        """The unit's own entry."""
        return self.entry(self.first)

    def entry(self, offset: int) -> Entry:
        """The entry at an offset, all of it."""
        if not self.offset <= offset < self.end:
            return self._other(offset).entry(offset)
        if offset < self.first:
            raise UnknownFormError
        data = self.data
        code, at = unsigned(data, offset)
        if not code:
            return Entry(offset, 0, False, {}, at, {})
        kind = self._of(code)
        attributes: dict[int, int | bytes | str] = {}
        forms: dict[int, int] = {}
        for name, form, implicit in kind.attributes:
            attributes[name], at = self._value(form, at, implicit)
            forms[name] = form
        return Entry(offset, kind.tag, kind.children, attributes, at, forms)

    def _other(self, offset: int) -> Unit:
        """The unit that an entry lies in."""
        for unit in self._others:
            if unit.offset <= offset < unit.end:
                return unit
        self._others.append(unit_at(self.sections, offset))
        return self._others[-1]

    def _of(self, code: int) -> Abbreviation:
        try:
            return self.abbreviations[code]
        except KeyError:
            raise UnknownFormError from None

    def children(self, parent: Entry) -> Iterator[Entry]:
        """The children of an entry, in order; those of others below are passed over."""
        if not self.offset <= parent.offset < self.end:
            yield from self._other(parent.offset).children(parent)
            return
        at = parent.end if parent.children else self.end
        while at < self.end:
            child = self.entry(at)
            if not child.tag:
                return
            yield child
            at = self.behind(child)

    def behind(self, entry: Entry) -> int:
        """Where the next entry of the same parent stands."""
        if not entry.children:
            return entry.end
        sibling = entry.number(SIBLING)
        if sibling is not None:
            return sibling
        at = entry.end
        while (child := self.entry(at)).tag:
            at = self.behind(child)
        return child.end

    def at_top(self, tag: int) -> Iterator[Entry]:
        """The unit's own children of a tag; others are passed over as fast as may be."""
        data, at = self.data, self.head.end
        while at < self.end:
            code, start = unsigned(data, at)
            if not code:
                return
            kind = self._of(code)
            if kind.tag != tag and (not kind.children or kind.sibling is not None) and kind.size is not None:
                at = start + kind.size
                if kind.children and kind.sibling is not None:
                    at = self.offset + int(self._word.unpack_from(data, start + kind.sibling)[0])
                continue
            entry = self.entry(at)
            if entry.tag == tag:
                yield entry
            at = self.behind(entry)

    def _value(self, form: int, at: int, implicit: int) -> tuple[int | bytes | str, int]:
        data = self.data
        if form in _NUMBERS or form in _LEB:
            number, at = self._number(form, at)
            return number + self.offset if form in _OF_UNIT else number, at
        if form in _STRINGS:
            place = self._word.unpack_from(data, at)[0]
            return text(self.sections.get(_STRINGS[form]), place), at + 4
        if form == INLINE_TEXT:
            return inline_text(data, at)
        if form in _NO_BYTES:
            return (1 if form == _FLAG else implicit), at
        return self._block(form, at)

    def _number(self, form: int, at: int) -> tuple[int, int]:
        if form in _LEB:
            return signed(self.data, at) if form == _SIGNED else unsigned(self.data, at)
        size = FIXED[form]
        return int.from_bytes(self.data[at : at + size], self._endian), at + size

    def _block(self, form: int, at: int) -> tuple[bytes, int]:
        if form in _BLOCKS:
            size = int.from_bytes(self.data[at : at + _BLOCKS[form]], self._endian)
            at += _BLOCKS[form]
        elif form in {_EXPRESSION, _BLOCK}:
            size, at = unsigned(self.data, at)
        else:
            raise UnknownFormError
        return bytes(self.data[at : at + size]), at + size


def unit_at(sections: Sections, place: int) -> Unit:
    """The unit that a place lies in."""
    information, at = sections.get(".debug_info"), 0
    while at < len(information):
        end = at + 4 + struct.unpack_from(f"{sections.order}I", information, at)[0]
        if place < end:
            return Unit(sections, at)
        at = end
    raise UnknownFormError


def _abbreviations(data: bytes | memoryview, at: int) -> dict[int, Abbreviation]:
    found: dict[int, Abbreviation] = {}
    while data[at]:
        match = _DECLARATION.match(data, at)
        if match is None:
            raise UnknownFormError
        code, declared = match.groups()
        found[code[0] if len(code) == 1 else unsigned(code, 0)[0]] = _declared(declared)
        at = match.end()
    return found


@functools.lru_cache(maxsize=1 << 14)
def _declared(data: bytes) -> Abbreviation:
    """What a code stands for; the thousands of units of a kernel declare the same few hundreds."""
    tag, at = unsigned(data, 0)
    children = bool(data[at])
    at += 1
    attributes: list[tuple[int, int, int]] = []
    while at < len(data) - 2:
        name, at = unsigned(data, at)
        form, at = unsigned(data, at)
        implicit = 0
        if form == _IMPLICIT:
            implicit, at = signed(data, at)
        attributes.append((name, form, implicit))
    return Abbreviation(tag, children, tuple(attributes), *_sizes(attributes))


def _sizes(attributes: list[tuple[int, int, int]]) -> tuple[int | None, int | None]:
    """The size of all, None where it differs; where a sibling of 4 bytes stands."""
    size, sibling = 0, None
    for name, form, _ in attributes:
        if form not in FIXED:
            return None, None
        if name == SIBLING and form == 0x13:
            sibling = size
        size += FIXED[form]
    return size, sibling
