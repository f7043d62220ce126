"""Radix page tables of ppc64, against a model that maps pages by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest

from crashdrive.kernel.arch import architecture
from crashdrive.kernel.arch.paging import Extent, Unmapped
from crashdrive.kernel.arch.ppc64 import Tables

ROOT = 0x274_0000
LINEAR = 0xC << 60
VMALLOC = LINEAR + (8 << 48)
VALID, LEAF, SPLITTING = 1 << 63, 1 << 62, 1 << 61
BITS = {12: (13, 9, 9, 9), 16: (13, 9, 9, 5)}


class Made:
    """Tables in physical memory: entries are big-endian whatever the kernel is."""

    def __init__(self, shift: int) -> None:
        self.shift = shift
        self.words: dict[int, int] = {}
        self.fresh = ROOT

    def map(self, address: int, entry: int, *, level: int = 0, next_bits: int | None = None) -> None:
        """Put an entry for an address into the table of a level; 0: that of pages."""
        table = ROOT
        for at in range(3, level, -1):
            place = self._place(table, address, at)
            if place not in self.words:
                self.fresh += 1 << 16
                bits = BITS[self.shift][4 - at] if next_bits is None else next_bits
                self.words[place] = VALID | self.fresh | bits
            table = self.words[place] & (1 << 60) - (1 << 8)
        self.words[self._place(table, address, level)] = entry

    def _place(self, table: int, address: int, level: int) -> int:
        shift, bits = (self.shift, 21, 30, 39)[level], BITS[self.shift][3 - level]
        return table + 8 * (address >> shift & (1 << bits) - 1)

    def read(self, pages: Sequence[int]) -> Mapping[int, bytes | str]:
        """As Paging asks."""
        return {
            page: struct.pack(">512Q", *(self.words.get(page * 4096 + 8 * at, 0) for at in range(512)))
            for page in pages
        }

    def translate(self, *addresses: int, user: bool = False) -> tuple[list[Extent], list[Unmapped]]:
        tables = Tables(ROOT, self.read, page_shift=self.shift)
        if user:
            tables = tables.below(ROOT)
        return tables.translate(sorted(address >> 12 for address in addresses))


@pytest.fixture(params=[12, 16])
def made(request: pytest.FixtureRequest) -> Made:
    return Made(request.param)


def test_a_page_is_as_large_as_the_kernels(made: Made) -> None:
    made.map(VMALLOC + 0x30000, VALID | LEAF | 0x1234_0000 | 0x18E)
    last = VMALLOC + 0x30000 + (1 << made.shift) - 4096
    inside = 0x1234_0000 + (1 << made.shift) - 4096
    (first, *_), lost = made.translate(VMALLOC + 0x30000)
    assert not lost
    assert (first.page, first.frame) == (VMALLOC + 0x30000 >> 12, 0x12340)
    assert made.translate(last)[0] == [Extent(last >> 12, inside >> 12, 1)]


@pytest.mark.parametrize(("level", "size"), [(1, 1 << 21), (2, 1 << 30)])
def test_large_pages(made: Made, level: int, size: int) -> None:
    made.map(LINEAR + 3 * size, VALID | LEAF | 5 * size | 0x18F, level=level)
    place = LINEAR + 3 * size + 0x12345000 % size
    assert made.translate(place)[0] == [Extent(place >> 12, 5 * size + 0x12345000 % size >> 12, 1)]
    assert made.translate(LINEAR + 4 * size)[1] == [Unmapped(LINEAR + 4 * size >> 12, "not mapped")]


def test_physical_addresses_have_57_bits(made: Made) -> None:
    made.map(VMALLOC, VALID | LEAF | 0xFF << 57 & SPLITTING | 1 << 56 | 0x7_0000)
    assert made.translate(VMALLOC)[0] == [Extent(VMALLOC >> 12, (1 << 56 | 0x7_0000) >> 12, 1)]


def test_a_large_page_that_is_taken_apart_is_there(made: Made) -> None:
    made.map(0x20_0000, LEAF | SPLITTING | 0x60_0000, level=1)
    assert made.translate(0x20_0000, user=True)[0] == [Extent(0x200, 0x600, 1)]


@pytest.mark.parametrize("entry", [0, LEAF | 0x1000_0000, SPLITTING | LEAF | 0x1000_0000])
def test_what_is_not_present_is_not_mapped(made: Made, entry: int) -> None:
    made.map(VMALLOC, entry)
    assert made.translate(VMALLOC)[1] == [Unmapped(VMALLOC >> 12, "not mapped")]


@pytest.mark.parametrize(("level", "entry"), [(0, VALID | 0x1000_0000), (1, VALID | 0x1000_0000 | 4)])
def test_an_entry_of_another_kind_is_none(made: Made, level: int, entry: int) -> None:
    """A page's without its bit, and a table of another size."""
    made.map(VMALLOC, entry, level=level)
    (lost,) = made.translate(VMALLOC)[1]
    assert "another kind" in lost.reason


def test_kernel_and_processes_have_tables_of_their_own(made: Made) -> None:
    made.map(0x1000_0000, VALID | LEAF | 0x5_0000)
    assert made.translate(0x1000_0000, user=True)[0] == [Extent(0x10000, 0x50, 1)]
    assert made.translate(0x1000_0000)[1] == [Unmapped(0x10000, "not an address")]
    assert made.translate(LINEAR + 0x1000_0000)[0]
    for wrong in (LINEAR + 0x1000_0000, 1 << 52):
        assert made.translate(wrong, user=True)[1] == [Unmapped(wrong >> 12, "not an address")]
    assert made.translate(0xD << 60)[1] == [Unmapped(0xD << 48, "not an address")]


INFO = {
    "PAGESIZE": "65536",
    "SYMBOL(swapper_pg_dir)": f"{LINEAR + ROOT:x}",
    "NUMBER(RADIX_MMU)": "1",
}  # fmt: skip


def with_linear_map(place: int = 0) -> Made:
    """With all memory from an address on at the beginning of the linear map."""
    made = Made(16)
    made.map(LINEAR, VALID | LEAF | place, level=2)
    return made


def test_the_kernels_own_are_those_of_vmcoreinfo() -> None:
    made = with_linear_map()
    made.map(VMALLOC, VALID | LEAF | 0x5_0000)
    tables = Tables.of_kernel(INFO, made.read)
    assert tables is not None
    assert tables.translate([VMALLOC >> 12])[0] == [Extent(VMALLOC >> 12, 0x50, 1)]
    known = architecture("21")
    assert known is not None
    assert known.floor == LINEAR


@pytest.mark.parametrize(
    "changed",
    [
        {"NUMBER(RADIX_MMU)": "0"},
        {"PAGESIZE": "16384"},
        {"PAGESIZE": "x"},
        {"SYMBOL(swapper_pg_dir)": "zzz"},
        {"SYMBOL(swapper_pg_dir)": "2740000"},
        {"SYMBOL(swapper_pg_dir)": f"{LINEAR + ROOT + 8:x}"},
        {"SYMBOL(swapper_pg_dir)": f"{LINEAR + (1 << 57):x}"},
    ],
)
def test_no_tables_by_what_is_damaged_or_with_the_hash_mmu(changed: dict[str, str]) -> None:
    assert Tables.of_kernel(INFO | changed, with_linear_map().read) is None


@pytest.mark.parametrize("made", [Made(16), with_linear_map(1 << 30)])
def test_tables_without_a_linear_map_are_those_of_the_hash_mmu(made: Made) -> None:
    """6.1 doesn't tell its MMU."""
    info = {name: text for name, text in INFO.items() if "RADIX" not in name}
    assert Tables.of_kernel(info, with_linear_map().read) is not None
    assert Tables.of_kernel(info, made.read) is None
    assert Tables.of_kernel(info, lambda pages: dict.fromkeys(pages, "excluded")) is None
    assert Tables.of_kernel(info, lambda _pages: {}) is not None  # nothing can be read yet
