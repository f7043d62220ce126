"""Page tables of s390x, against a model that maps pages by hand in tables of each depth."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest

from crashdrive.kernel.arch import architecture
from crashdrive.kernel.arch.paging import Extent, Unmapped
from crashdrive.kernel.arch.s390x import Tables

ROOT = 0x129_0000
INVALID = 0x20
# of the top table: region first, second, third, segment
DEPTHS = [4, 3, 2, 1]


class Made:
    """Tables in physical memory: pages of 4,096 bytes by number; empty entries have their table's type."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.words: dict[int, int] = {}
        self.tables = {ROOT: top}
        self.fresh = ROOT

    def map(self, address: int, entry: int, *, level: int = 0) -> None:
        """Put an entry for an address into the table of a level; 0: a page table."""
        table = ROOT
        for at in range(self.top, level, -1):
            place = self._place(table, address, at)
            if place not in self.words:
                self.fresh += 1 << 14
                self.tables[self.fresh] = at - 1
                self.words[place] = self.fresh | (at - 1) << 2 | (3 if at > 1 else 0)
            table = self.words[place] & ~0x7FF if at == 1 else self.words[place] & ~0xFFF
        self.words[self._place(table, address, level)] = entry

    def _place(self, table: int, address: int, level: int) -> int:
        if not level:
            return table + 8 * (address >> 12 & 0xFF)
        return table + 8 * (address >> 20 + 11 * (level - 1) & 0x7FF)

    def _word(self, place: int) -> int:
        level = self.tables.get(place & ~0x3FFF, 0)
        empty = INVALID | level - 1 << 2 if level else 0x400
        return self.words.get(place, empty)

    def read(self, pages: Sequence[int]) -> Mapping[int, bytes | str]:
        """As Paging asks."""
        return {
            page: struct.pack(">512Q", *(self._word(page * 4096 + 8 * at) for at in range(512)))
            for page in pages
        }

    def translate(self, *addresses: int) -> tuple[list[Extent], list[Unmapped]]:
        return Tables(ROOT, self.read).translate(sorted(address >> 12 for address in addresses))


@pytest.mark.parametrize("top", DEPTHS)
def test_pages_below_tables_of_each_depth(top: int) -> None:
    made = Made(top)
    for place, to in ((0x2000, 0x7000), (0x3000, 0x8000), (0x7FF0_0000, 0x1234_5000)):
        made.map(place, to | 1)
    found, lost = made.translate(0x2000, 0x3000, 0x4000, 0x7FF0_0000)
    assert found == [Extent(2, 7, 2), Extent(0x7FF00, 0x12345, 1)]
    assert lost == [Unmapped(4, "not mapped")]


@pytest.mark.parametrize("top", [3, 2, 1])
def test_an_address_that_tables_are_too_small_for_is_none(top: int) -> None:
    made = Made(top)
    made.map(0x2000, 0x7001)
    address = 1 << 20 + 11 * top
    found, lost = made.translate(0x2000, address | 0x2000, 0xFFFF_FFFF_FFFF_F000)
    assert found == [Extent(2, 7, 1)]
    assert [one.reason for one in lost] == ["not an address"] * 2


def test_large_pages() -> None:
    made = Made(2)
    made.map(0x0030_0000, 0x0F00_0000 | 0x400, level=1)
    made.map(0x2_0000_0000, 0x1_8000_0000 | 0x404, level=2)
    found, _ = made.translate(0x0030_5000, 0x2_0012_3000)
    assert found == [Extent(0x305, 0xF005, 1), Extent(0x200123, 0x180123, 1)]


def test_what_is_old_is_there_and_what_was_swapped_is_not() -> None:
    """The processor may use neither."""
    made = Made(2)
    made.map(0x1000, 0x5000 | 0x400 | 1)
    made.map(0x2000, 0x6000 | 0x400)
    made.map(0x0050_0000, 0x0F00_0000 | 0x400 | INVALID | 1, level=1)
    made.map(0x0060_0000, 0x0E00_0000 | 0x400 | INVALID, level=1)
    found, lost = made.translate(0x1000, 0x2000, 0x0050_0000, 0x0060_0000)
    assert found == [Extent(1, 5, 1), Extent(0x500, 0xF000, 1)]
    assert [one.page for one in lost] == [2, 0x600]


def test_damaged_tables_lead_nowhere() -> None:
    made = Made(3)
    made.map(0x1000, 0x5001)
    top = made._place(ROOT, 0x1000, 3)
    for entry in (0, (1 << 64) - 1, ROOT | 3 << 2):
        made.words[top] = entry
        assert made.translate(0x1000)[0] == []


def test_the_kernels_own_are_told_by_vmcoreinfo() -> None:
    made = Made(2)
    made.map(0x2000, 0x7001)
    known = architecture("22")
    assert known is not None
    for info in (
        {"SYMBOL(swapper_pg_dir)": "1290000", "KERNELOFFSET": "0"},
        # since 6.10 the image has addresses of its own
        {
            "SYMBOL(swapper_pg_dir)": f"{0x3FFE0000000 + ROOT:x}",
            "KERNELOFFSET": "3ffe0100000",
            "KERNELOFFPHYS": "100000",
        },
    ):
        paging = known.paging(info, made.read)
        assert paging is not None
        assert paging.translate([2])[0] == [Extent(2, 7, 1)]
    for damaged in ({}, {"SYMBOL(swapper_pg_dir)": "1290010"}, {"SYMBOL(swapper_pg_dir)": "x"}):
        assert known.paging(damaged, made.read) is None


def test_a_process_has_an_address_space_of_its_own() -> None:
    made = Made(2)
    made.map(0x1000, 0x5001)
    tables = Tables(0, made.read).below(ROOT)
    assert tables.frames([(ROOT, 1), (ROOT, 2)]) == {(ROOT, 1): 5, (ROOT, 2): "not mapped"}
