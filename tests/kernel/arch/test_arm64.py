"""Page tables of arm64, against a model that maps pages by hand in tables of each size."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest

from crashdrive.kernel.arch.arm64.page_tables import Tables
from crashdrive.kernel.arch.paging import Extent, Unmapped

ROOT = 0x4200_0000
INFO = {
    "PAGESIZE": "4096",
    "SYMBOL(swapper_pg_dir)": "ffffb05732b7b000",
    "NUMBER(VA_BITS)": "48",
    "NUMBER(MAX_PHYSMEM_BITS)": "48",
    "NUMBER(kimage_voffset)": "0xffffb056f1600000",
    "NUMBER(TCR_EL1_T1SZ)": "0x10",
}
# size of a page, bits of an address, physical addresses of 52 bits
FORMS = [(12, 39, False), (12, 48, False), (14, 47, False), (16, 42, False), (16, 48, False), (16, 52, True)]


class Made:
    """Tables in physical memory: pages of 4,096 bytes by number."""

    def __init__(self, page_shift: int, bits: int, *, large: bool) -> None:
        self.page_shift, self.bits, self.large = page_shift, bits, large
        self.words: dict[int, int] = {}
        self.fresh = ROOT
        self.step = page_shift - 3

    def entry(self, address: int) -> int:
        """A physical address as an entry has it."""
        if not self.large:
            return address
        if self.page_shift == 16:
            return address & (1 << 48) - 1 | (address >> 48 & 0xF) << 12
        return address & (1 << 50) - 1 | (address >> 50 & 3) << 8

    def map(self, address: int, to: int, *, level: int = 0) -> None:
        """Map a page, or a block at a higher level."""
        count = -(-(self.bits - self.page_shift) // self.step)
        table = ROOT
        for at in range(count - 1, level, -1):
            place = self._place(table, address, at)
            if place not in self.words:
                self.fresh += 1 << self.page_shift
                self.words[place] = self.entry(self.fresh) | 3
            table = self.decoded(self.words[place])
        self.words[self._place(table, address, level)] = self.entry(to) | (1 if level else 3) | 1 << 54

    def decoded(self, entry: int) -> int:
        """The table that an entry leads to: tables of this model lie below 48 bits."""
        return entry & (1 << 48) - (1 << self.page_shift)

    def _place(self, table: int, address: int, level: int) -> int:
        low = self.page_shift + level * self.step
        high = min(low + self.step, self.bits)
        return table + 8 * (address >> low & (1 << high - low) - 1)

    def read(self, pages: Sequence[int]) -> Mapping[int, bytes | str]:
        """As Paging asks."""
        return {
            page: struct.pack("<512Q", *(self.words.get(page * 4096 + 8 * at, 0) for at in range(512)))
            for page in pages
        }

    def tables(self, *, user: bool = False) -> Tables:
        """The walk over them."""
        return Tables(
            ROOT, self.read, page_shift=self.page_shift, bits=self.bits, large=self.large, user=user
        )


@pytest.mark.parametrize(("page_shift", "bits", "large"), FORMS)
def test_pages_and_blocks_of_each_size(page_shift: int, bits: int, large: bool) -> None:  # noqa: FBT001 - a case
    made = Made(page_shift, bits, large=large)
    kernel = -1 << bits & (1 << 64) - 1
    page, block = 1 << page_shift, 1 << page_shift + made.step
    far = 0xA_0000_0000_0000 if large else 0x2_0000_0000
    image, area = kernel | 0x12 << page_shift, kernel | 5 << page_shift + made.step
    made.map(image, far + page)
    made.map(area, far + 4 * block, level=1)
    wanted = [image, image + page - 4096, image + page, area, area + block - 4096]
    found, lost = made.tables().translate(sorted({place >> 12 for place in wanted}))
    units = {e.page + at: e.frame + at for e in found for at in range(e.size)}
    assert units[image >> 12] == far + page >> 12
    assert units[image + page - 4096 >> 12] == far + 2 * page - 4096 >> 12
    assert units[area >> 12] == far + 4 * block >> 12
    assert units[area + block - 4096 >> 12] == far + 5 * block - 4096 >> 12
    assert lost == [Unmapped(image + page >> 12, "not mapped")]


def test_addresses_of_the_other_half_are_none() -> None:
    made = Made(12, 48, large=False)
    made.map(0x1000, 0x7000)
    user = 0x1000 >> 12
    assert made.tables().translate([user])[1] == [Unmapped(user, "not an address")]
    assert made.tables(user=True).translate([user])[0] == [Extent(user, 7, 1)]
    assert made.tables().below(ROOT).translate([user])[0] == [Extent(user, 7, 1)]
    between = 0x0001_0000_0000_0
    assert made.tables(user=True).translate([between])[1] == [Unmapped(between, "not an address")]


def test_a_tag_in_the_top_byte_is_no_part_of_the_address() -> None:
    made = Made(12, 48, large=False)
    made.map(0xFFFF_8000_0000_1000, 0x7000)
    tagged = 0xF3FF_8000_0000_1
    assert made.tables().translate([tagged])[0] == [Extent(tagged, 7, 1)]


def test_a_top_table_for_52_bits_on_a_processor_of_48() -> None:
    made = Made(16, 52, large=False)
    place = 0xFFFF_8000_0001_0000
    made.map(place, 0x9_0000)
    tables = Tables(ROOT, made.read, page_shift=16, bits=48, built=52)
    assert tables.translate([place >> 12])[0] == [Extent(place >> 12, 0x90, 1)]


def test_fewer_levels_where_the_processor_has_fewer_bits() -> None:
    """4 KiB pages built for 52 bits: five levels, and four on a processor of 48 (9684ec186f8f)."""
    made = Made(12, 48, large=False)
    place = 0xFFFF_8000_0001_0000
    made.map(place, 0x9_0000)
    tables = Tables(ROOT, made.read, page_shift=12, bits=48, built=52)
    assert tables.translate([place >> 12])[0] == [Extent(place >> 12, 0x90, 1)]


def test_reserved_entries_lead_nowhere() -> None:
    made = Made(12, 48, large=False)
    made.map(0x1000, 0x7000)
    last = next(place for place, word in made.words.items() if made.decoded(word) == 0x7000)
    made.words[last] &= ~2
    assert made.tables(user=True).translate([1])[1] == [Unmapped(1, "not mapped: a reserved entry")]


@pytest.mark.parametrize(
    "change",
    [
        {"PAGESIZE": "8192"},
        {"SYMBOL(swapper_pg_dir)": "0; q"},
        {"NUMBER(kimage_voffset)": ""},
        {"NUMBER(kimage_voffset)": "0x0"},
        {"NUMBER(VA_BITS)": "99"},
        {"NUMBER(TCR_EL1_T1SZ)": "0x3f"},
    ],
)
def test_what_vmcoreinfo_has_to_tell(change: dict[str, str]) -> None:
    assert Tables.of_kernel(INFO, lambda _pages: {}) is not None
    assert Tables.of_kernel({**INFO, **change}, lambda _pages: {}) is None


def test_older_kernels_do_not_tell_the_processors_bits() -> None:
    older = {name: value for name, value in INFO.items() if "T1SZ" not in name}
    assert Tables.of_kernel(older, lambda _pages: {}) is not None
