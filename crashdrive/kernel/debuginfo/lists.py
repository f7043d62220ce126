"""Lists of addresses and of locations: ``.debug_rnglists``, ``.debug_loclists``; DWARF 5, 7.25 and 7.29."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Entry, Unit, UnknownFormError, unsigned

_END, _BASE, _OFFSETS, _START_END, _START_LENGTH = 0, 5, 4, 6, 7
_LOC_DEFAULT, _LOC_BASE, _LOC_START_END, _LOC_START_LENGTH = 5, 6, 7, 8
_MOST = 100_000
_WORD = (1 << 64) - 1


def ranges(unit: Unit, entry: Entry) -> Iterator[tuple[int, int]]:
    """The addresses that an entry is for, as [low, high)."""
    if (place := entry.number(e.RANGES)) is not None:
        yield from _listed(unit, place)
        return
    low, high = entry.number(e.LOW), entry.number(e.HIGH)
    if low is not None and high is not None:
        yield low, high if entry.forms.get(e.HIGH) == 0x01 else low + high


def holds(unit: Unit, entry: Entry, address: int) -> bool:
    """Whether an entry is for an address."""
    return any(low <= address < high for low, high in ranges(unit, entry))


def _listed(unit: Unit, place: int) -> Iterator[tuple[int, int]]:
    if unit.version < 5:
        yield from ((low, high) for low, high, _ in _pairs(unit, ".debug_ranges", place))
        return
    data, base = unit.sections.get(".debug_rnglists"), unit.head.number(e.LOW) or 0
    for _ in range(_MOST):
        kind = data[place]
        place += 1
        if kind == _END:
            return
        if kind == _BASE:
            base, place = _word(data, place)
        elif kind == _OFFSETS:
            low, place = unsigned(data, place)
            high, place = unsigned(data, place)
            yield base + low, base + high
        elif kind == _START_END:
            low, place = _word(data, place)
            high, place = _word(data, place)
            yield low, high
        elif kind == _START_LENGTH:
            low, place = _word(data, place)
            length, place = unsigned(data, place)
            yield low, low + length
        else:
            raise UnknownFormError


def _word(data: bytes | memoryview, at: int) -> tuple[int, int]:
    return int(struct.unpack_from("<Q", data, at)[0]), at + 8


def location(unit: Unit, entry: Entry, address: int) -> bytes | None:
    """The expression that tells where a variable is at an address; None where it is nowhere then."""
    value = entry.attributes.get(e.LOCATION)
    if isinstance(value, bytes):
        return value
    if not isinstance(value, int):
        return None
    if unit.version < 5:
        return _located_4(unit, value, address)
    return _located(unit, value, address)


def _pairs(unit: Unit, section: str, place: int) -> Iterator[tuple[int, int, int]]:
    """The ranges of a list of DWARF 4 (2.17.3, 2.6.2), and what stands behind each."""
    data, base = unit.sections.get(section), unit.head.number(e.LOW) or 0
    behind_each = section == ".debug_loc"
    for _ in range(_MOST):
        low, high = struct.unpack_from("<QQ", data, place)
        place += 16
        if low == _WORD:
            base = high
            continue
        if not low and not high:
            return
        yield base + low, base + high, place
        if behind_each:
            place += 2 + int(struct.unpack_from("<H", data, place)[0])


def _located_4(unit: Unit, place: int, address: int) -> bytes | None:
    data = unit.sections.get(".debug_loc")
    for low, high, behind in _pairs(unit, ".debug_loc", place):
        if low <= address < high:
            size = struct.unpack_from("<H", data, behind)[0]
            return bytes(data[behind + 2 : behind + 2 + size])
    return None


def _located(unit: Unit, place: int, address: int) -> bytes | None:
    data, base = unit.sections.get(".debug_loclists"), unit.head.number(e.LOW) or 0
    for _ in range(_MOST):
        kind = data[place]
        place += 1
        if kind == _END:
            return None
        low = high = 0
        if kind == _LOC_BASE:
            base, place = _word(data, place)
            continue
        if kind == _OFFSETS:
            low, place = unsigned(data, place)
            high, place = unsigned(data, place)
            low, high = base + low, base + high
        elif kind == _LOC_START_END:
            low, place = _word(data, place)
            high, place = _word(data, place)
        elif kind == _LOC_START_LENGTH:
            low, place = _word(data, place)
            high, place = unsigned(data, place)
            high += low
        elif kind == _LOC_DEFAULT:
            low, high = 0, 1 << 64
        else:
            raise UnknownFormError
        size, place = unsigned(data, place)
        if low <= address < high:
            return bytes(data[place : place + size])
        place += size
    return None
