"""Unwind tables: entries of all kernels' forms, and the entry for an address."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import KernelError
from crashdrive.kernel.types.model import IntType, Member, StructType
from crashdrive.kernel.unwind import orc
from crashdrive.kernel.unwind.orc import Format, Rule, Table, Tables

BITS = IntType("unsigned int", 4, signed=False)
SHORT = IntType("s16", 2, signed=True)


def entry(*fields: tuple[str, int], size: int = 6) -> StructType:
    """A struct orc_entry with these bit fields behind its offsets."""
    members = [Member("sp_offset", SHORT, 0), Member("bp_offset", SHORT, 16)]
    at = 32
    for name, bits in fields:
        members.append(Member(name, BITS, at, bits))
        at += bits
    return StructType("struct", "orc_entry", size, tuple(members))


OLDEST = entry(("sp_reg", 4), ("bp_reg", 4), ("type", 2))
OLD = entry(("sp_reg", 4), ("bp_reg", 4), ("type", 2), ("end", 1))
MIDDLE = entry(("sp_reg", 4), ("bp_reg", 4), ("type", 2), ("signal", 1), ("end", 1))
NEW = entry(("sp_reg", 4), ("bp_reg", 4), ("type", 3), ("signal", 1))


def raw(sp_offset: int, bp_offset: int, bits: int) -> bytes:
    return struct.pack("<hhH", sp_offset, bp_offset, bits)


@pytest.mark.parametrize(
    ("kind", "bits", "expected"),
    [
        # a function that has pushed nothing: its caller is behind a call
        (OLD, 5, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.CALL, signal=False)),
        (NEW, 5 | 2 << 8, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.CALL, signal=False)),
        # registers of an interrupt
        (OLD, 5 | 1 << 8, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.REGS, signal=True)),
        (OLD, 5 | 2 << 8, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.REGS_PARTIAL, signal=True)),
        (MIDDLE, 5 | 1 << 8, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.REGS, signal=False)),
        (MIDDLE, 5 | 1 << 8 | 1 << 10, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.REGS, signal=True)),
        (NEW, 5 | 3 << 8 | 1 << 11, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.REGS, signal=True)),
        (NEW, 4 | 1 << 4 | 4 << 8, Rule(8, 0, orc.BP, orc.PREV_SP, orc.REGS_PARTIAL, signal=False)),
        # the end, and no rule
        (OLDEST, 0, Rule(8, 0, orc.UNDEFINED, orc.UNDEFINED, orc.END, signal=False)),
        (OLD, 1 << 10, Rule(8, 0, orc.UNDEFINED, orc.UNDEFINED, orc.END, signal=False)),
        (OLD, 0, Rule(8, 0, orc.UNDEFINED, orc.UNDEFINED, orc.NO_RULE, signal=False)),
        (NEW, 1 << 8, Rule(8, 0, orc.UNDEFINED, orc.UNDEFINED, orc.END, signal=False)),
        (NEW, 0, Rule(8, 0, orc.UNDEFINED, orc.UNDEFINED, orc.NO_RULE, signal=False)),
        (NEW, 5 | 7 << 8, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.NO_RULE, signal=False)),
        (OLD, 5 | 3 << 8, Rule(8, 0, orc.SP, orc.UNDEFINED, orc.NO_RULE, signal=True)),
    ],
)
def test_entries_of_all_forms(kind: StructType, bits: int, expected: Rule) -> None:
    assert Format.of(kind).rule(raw(8, 0, bits)) == expected


@pytest.mark.parametrize("kind", [entry(("sp_reg", 4), ("type", 2)), entry(*(("a", 4),), size=8)])
def test_a_form_that_is_not_known_is_an_error(kind: StructType) -> None:
    with pytest.raises(KernelError, match="orc_entry"):
        Format.of(kind)


IPS, RULES, LOOKUP, TEXT = 0x10_0000, 0x20_0000, 0x30_0000, 0x80_0000


class Image:
    """A table in memory, for code that begins at TEXT; entry number i has sp_offset i."""

    def __init__(self, starts: list[int], *, holes: tuple[int, ...] = ()) -> None:
        self.holes = holes
        distances = [start - (IPS + 4 * i) for i, start in enumerate(starts)]
        blocks = range(TEXT, starts[-1] + 2 * 256, 256)
        first = [max(sum(start <= block for start in starts) - 1, 0) for block in blocks]
        self.parts = {
            IPS: struct.pack(f"<{len(starts)}i", *distances),
            RULES: b"".join(raw(i, 0, 5) for i in range(len(starts))),
            LOOKUP: struct.pack(f"<{len(first)}I", *first),
        }

    def read(self, address: int, size: int) -> bytes | None:
        base = address & ~0xF_FFFF
        if base in self.holes:
            return None
        data = self.parts[base][address - base : address - base + size]
        return data if len(data) == size else None


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=60).map(sorted),
    st.integers(0, 5200),
    st.sampled_from([(), (LOOKUP,)]),
)
def test_the_last_entry_that_is_not_above(
    distances: list[int], distance: int, holes: tuple[int, ...]
) -> None:
    starts = [TEXT + each for each in [0, *distances]]
    image = Image(starts, holes=holes)
    stop = starts[-1] + 256
    for lookup in (0, LOOKUP):
        table = Table(TEXT, TEXT + 6000, IPS, RULES, len(starts), lookup, stop)
        found = table.find(TEXT + distance, Format.of(OLD), image.read)
        assert found is not None
        # of several entries for one place the last holds: those before end sections
        assert found.sp_offset == max(i for i, start in enumerate(starts) if start <= TEXT + distance)


def test_what_is_below_the_first_entry_or_missing_has_no_rule() -> None:
    table = Table(TEXT, TEXT + 100, IPS, RULES, 1)
    form = Format.of(OLD)
    assert table.find(TEXT + 1, form, Image([TEXT + 2]).read) is None
    assert table.find(TEXT + 2, form, Image([TEXT], holes=(IPS,)).read) is None
    assert table.find(TEXT + 2, form, Image([TEXT], holes=(RULES,)).read) is None


def test_a_lookup_that_is_damaged_is_not_followed() -> None:
    image = Image([TEXT, TEXT + 300])
    image.parts[LOOKUP] = struct.pack("<3I", 9, 1 << 31, 0)
    table = Table(TEXT, TEXT + 600, IPS, RULES, 2, LOOKUP, TEXT + 600)
    found = table.find(TEXT + 400, Format.of(OLD), image.read)
    assert found is not None
    assert found.sp_offset == 1


def test_tables_are_told_apart_by_the_code_that_they_are_for() -> None:
    image, asked = Image([TEXT, TEXT + 16]), list[int]()

    def otherwise(address: int) -> Rule | None:
        asked.append(address)
        return orc.FRAME_POINTER if address == TEXT + 1 else None

    image.parts[RULES] = raw(0, 0, 0) + raw(0, 0, 5)
    module = Table(TEXT + 0x1000, TEXT + 0x1010, IPS, RULES, 2)

    def others() -> list[Table]:
        asked.append(0)
        return [module]

    own = Table(TEXT, TEXT + 32, IPS, RULES, 2)
    tables = Tables(Format.of(OLD), own, others, image.read, otherwise)
    assert tables.has_code(TEXT)
    assert asked == []
    assert tables.has_code(TEXT + 0x100F)
    assert not tables.has_code(TEXT + 0x1010)
    assert not tables.has_code(TEXT + 32)
    assert tables.find(TEXT + 32) is None
    assert tables.find(TEXT - 1) is None
    # where the table says that nothing is known, another is asked, once
    assert tables.find(TEXT + 1) == tables.find(TEXT + 1) == orc.FRAME_POINTER
    known = tables.find(TEXT + 2)
    assert known is not None
    assert known.kind == orc.NO_RULE
    # and modules' tables, once they are needed
    assert asked == [0, TEXT + 1, TEXT + 2]


def with_ax(sp_reg: int, kind: int = orc.CALL) -> bytes:
    """An entry as kernels with a number for AX write it, with a caller's frame pointer on the stack."""
    return raw(16, -16, sp_reg | 8 << 4 | kind << 8)


@pytest.mark.parametrize(
    ("number", "register"), [(3, orc.SP), (4, orc.BP), (5, orc.DI), (10, orc.BP_INDIRECT)]
)
def test_the_entries_tell_which_numbers_registers_have(number: int, register: int) -> None:
    image = Image([TEXT, TEXT + 16, TEXT + 32])
    image.parts[RULES] = with_ax(3) + with_ax(3) + with_ax(number)
    tables = Tables(Format.of(NEW), Table(TEXT, TEXT + 64, IPS, RULES, 3), list, image.read)
    assert tables.find(TEXT + 32) == Rule(16, -16, register, orc.PREV_SP, orc.CALL, signal=False)
    assert tables.find(TEXT) == Rule(16, -16, orc.SP, orc.PREV_SP, orc.CALL, signal=False)


def test_where_no_entry_tells_the_numbers_nothing_is_known() -> None:
    image = Image([TEXT, TEXT + 16])
    image.parts[RULES] = with_ax(4) + with_ax(15)
    tables = Tables(Format.of(NEW), Table(TEXT, TEXT + 64, IPS, RULES, 2), list, image.read)
    found = tables.find(TEXT)
    assert found is not None
    assert found.kind == orc.NO_RULE


def test_a_number_that_no_register_has_is_none_of_those_that_are_followed() -> None:
    form = Format.of(NEW).numbered(with_ax(3))
    assert form is not None
    assert form.rule(with_ax(11)).sp_reg not in range(11)
    assert Format.of(NEW).numbered(b"") is None
