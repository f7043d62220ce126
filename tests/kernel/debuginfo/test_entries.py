"""Entries that refer to those of other units, whose abbreviations are others."""

from __future__ import annotations

import struct
from typing import Any, cast

import pytest

from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Entry, Unit, UnknownFormError
from crashdrive.kernel.debuginfo.layouts import _Builder
from crashdrive.kernel.debuginfo.types import member_at, pointee, spelled, type_of
from crashdrive.kernel.types.declarations import Abi
from crashdrive.kernel.types.model import IntType, StructType

STRING, DATA1, REF4, REF_ADDR = 0x08, 0x0B, 0x13, 0x10
COMPILE_UNIT, PARTIAL_UNIT = 0x11, 0x3C


class Sections(dict[str, bytes]):
    """Sections by name, little-endian."""

    order, endian = "<", "little"


class Made:
    """Sections of two units: ``first`` has a variable, whose type is in ``second``."""

    def __init__(self, version: int) -> None:
        first = declared({1: (COMPILE_UNIT, True, ()), 2: (e.VARIABLE, False, ((e.TYPE, REF_ADDR),))})
        member = ((e.NAME, STRING), (e.TYPE, REF4), (e.MEMBER_AT, DATA1))
        second = declared(
            {
                1: (PARTIAL_UNIT, True, ()),
                2: (e.STRUCT, True, ((e.NAME, STRING), (e.SIZE, DATA1))),
                3: (e.MEMBER, False, member),
                4: (e.BASE, False, ((e.NAME, STRING), (e.SIZE, DATA1))),
                5: (e.POINTER, False, ((e.TYPE, REF4), (e.SIZE, DATA1))),
            }
        )
        head = 12 if version == 5 else 11
        self.variable = head + 1
        start = head + 1 + 5 + 1
        number = head + 1
        item = number + len(b"\4int\0\4")
        members = b"\3one\0" + struct.pack("<IB", number, 0) + b"\3two\0" + struct.pack("<IB", number, 4)
        pointer = item + len(b"\2item\0\x08") + len(members) + 1
        self.pointer, self.item = start + pointer, start + item
        body = b"\1\4int\0\4\2item\0\x08" + members + b"\0" + b"\5" + struct.pack("<IB", item, 8) + b"\0"
        one = unit(version, 1, 0, b"\1\2" + struct.pack("<I", self.pointer) + b"\0")
        self.second = len(one)
        two = unit(version, 3, len(first), body)
        self.sections: Any = Sections({".debug_info": one + two, ".debug_abbrev": first + second})

    def unit(self) -> Unit:
        return Unit(cast("Any", self.sections), 0)


def declared(codes: dict[int, tuple[int, bool, tuple[tuple[int, int], ...]]]) -> bytes:
    told = b""
    for code, (tag, children, attributes) in codes.items():
        told += bytes([code, tag, children]) + bytes(one for pair in attributes for one in pair) + b"\0\0"
    return told + b"\0"


def unit(version: int, kind: int, abbreviations: int, body: bytes) -> bytes:
    if version == 5:
        head = struct.pack("<HBBI", 5, kind, 8, abbreviations)
    else:
        head = struct.pack("<HIB", 4, abbreviations, 8)
    return struct.pack("<I", len(head) + len(body)) + head + body


@pytest.fixture(params=[4, 5])
def made(request: pytest.FixtureRequest) -> Made:
    return Made(request.param)


def variable_of(made: Made) -> tuple[Unit, Entry]:
    found = made.unit()
    return found, found.entry(made.variable)


def test_a_type_in_another_unit_is_read_by_that_units_abbreviations(made: Made) -> None:
    found, variable = variable_of(made)
    kind = type_of(found, variable)
    assert kind is not None
    assert (kind.tag, kind.offset) == (e.POINTER, made.pointer)
    assert spelled(found, kind) == "struct item *"
    item = pointee(found, kind)
    assert item is not None
    assert item.offset == made.item
    assert [child.attributes[e.NAME] for child in found.children(item)] == ["one", "two"]
    assert member_at(found, item, 4) == "two"


def test_a_structure_in_another_unit_has_its_members(made: Made) -> None:
    found, variable = variable_of(made)
    item = pointee(found, type_of(found, variable))
    kind = _Builder(found, Abi(), lambda _name, _size: "").type(item, 0, expand=True)
    assert isinstance(kind, StructType)
    assert [(one.name, one.type, one.bit_offset) for one in kind.members] == [
        ("one", IntType("int", 4, signed=True), 0),
        ("two", IntType("int", 4, signed=True), 32),
    ]


def test_a_place_that_is_no_entry_is_an_error(made: Made) -> None:
    found = made.unit()
    for place in (0, made.second, len(made.sections[".debug_info"]), 1 << 40):
        with pytest.raises(UnknownFormError):
            found.entry(place)
