"""Page tables walked: against a model that maps pages by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.kernel.arch import architecture, x86_64
from crashdrive.kernel.arch.paging import Extent, Paging, Unmapped
from crashdrive.kernel.memory.transfer import Fetched, Missing
from crashdrive.kernel.memory.virtual import Walked
from crashdrive.kernel.pages import PAGE

ROOT = 0x7000
NX = 1 << 63
INFO = {
    "SYMBOL(init_top_pgt)": "ffffffffa9410000",
    "NUMBER(phys_base)": "-207618048",
    "NUMBER(pgtable_l5_enabled)": "0",
    "NUMBER(sme_mask)": "0",
}


class Made:
    """Page tables in physical memory: ``reads`` counts the round trips, ``holes`` aren't in the dump."""

    def __init__(self, levels: int = 4) -> None:
        self.levels = levels
        self.pages: dict[int, list[int]] = {ROOT >> 12: [0] * 512}
        self.holes: set[int] = set()
        self.reads = 0

    def map(self, page: int, frame: int, *, level: int = 0, flags: int = 1) -> None:
        """Map a page, or a large one at a higher level."""
        table = ROOT >> 12
        for at in range(self.levels - 1, level, -1):
            entry = self.pages[table][page >> 9 * at & 511]
            if not entry & 1:
                fresh = 0x100 + len(self.pages)
                self.pages[fresh] = [0] * 512
                entry = self.pages[table][page >> 9 * at & 511] = fresh << 12 | 1
            table = entry >> 12
        large = 1 << 7 if level else 0
        self.pages[table][page >> 9 * level & 511] = frame << 12 | large | flags | NX

    def read(self, pages: Sequence[int]) -> Mapping[int, bytes | str]:
        """As Paging asks."""
        self.reads += 1
        return {
            page: "excluded" if page in self.holes else struct.pack("<512Q", *self.pages[page])
            for page in pages
        }

    def paging(self) -> Paging:
        """The walk over them."""
        return x86_64.Tables(ROOT, self.read, levels=self.levels)


UPPER = 0xFFFF_8880_0000_0


def test_small_and_large_pages() -> None:
    tables = Made()
    tables.map(UPPER, 0x500)
    tables.map(UPPER + 1, 0x501)
    tables.map(UPPER + 2, 0x700)
    tables.map(UPPER + 0x200, 0x1000, level=1)
    tables.map(UPPER + 0x40000, 0x80000, level=2)
    wanted = [UPPER, UPPER + 1, UPPER + 2, UPPER + 3, UPPER + 0x207, UPPER + 0x4FFFF]
    found, lost = tables.paging().translate(wanted)
    assert found == [
        Extent(UPPER, 0x500, 2),
        Extent(UPPER + 2, 0x700, 1),
        Extent(UPPER + 0x207, 0x1007, 1),
        Extent(UPPER + 0x4FFFF, 0x8FFFF, 1),
    ]
    assert lost == [Unmapped(UPPER + 3, "not mapped")]


def test_each_level_is_one_round_and_is_kept() -> None:
    tables = Made()
    for page in range(0, 1 << 20, 1 << 14):
        tables.map(UPPER + page, page)
    paging = tables.paging()
    assert not paging.translate([UPPER + page for page in range(0, 1 << 20, 1 << 14)])[1]
    assert tables.reads == 4
    paging.translate([UPPER])
    assert tables.reads == 4


def test_five_levels_and_addresses_that_are_none() -> None:
    tables = Made(5)
    low, high = 0x1234_5678, 0xFF10_0000_0000_0
    tables.map(low, 1)
    tables.map(high, 2)
    wrong = 0x0100_0000_0000_0
    found, lost = tables.paging().translate([low, wrong, high])
    assert found == [Extent(low, 1, 1), Extent(high, 2, 1)]
    assert lost == [Unmapped(wrong, "not an address")]
    four = Made().paging()
    assert four.translate([high])[1] == [Unmapped(high, "not an address")]


def test_tables_that_are_missing_are_named() -> None:
    tables = Made()
    tables.map(UPPER, 0x500)
    tables.holes.add(max(tables.pages))
    assert tables.paging().translate([UPPER]) == ([], [Unmapped(UPPER, "its page table is excluded")])


def test_bits_of_encryption_are_no_address() -> None:
    tables = Made()
    tables.map(UPPER, 0x500 | 1 << 35)
    plain = x86_64.Tables(ROOT, tables.read, encrypted=1 << 47)
    assert plain.translate([UPPER])[0] == [Extent(UPPER, 0x500, 1)]
    below = x86_64.Tables(0, tables.read, encrypted=1 << 47).below(ROOT)
    assert below.translate([UPPER])[0] == [Extent(UPPER, 0x500, 1)]


def is_known(machine: str, info: Mapping[str, str]) -> bool:
    """Whether a kernel's page tables can be walked here."""
    known = architecture(machine)
    return known is not None and known.paging(info, lambda _pages: {}) is not None


def test_an_architecture_is_found_by_its_number() -> None:
    assert {number for number in map(str, range(300)) if architecture(number)} == {"21", "22", "62", "183"}
    assert architecture(None) is None


def test_what_vmcoreinfo_has_to_tell() -> None:
    assert is_known("62", INFO)
    assert not is_known("183", INFO)
    assert not is_known("62", {})
    assert not is_known("62", {**INFO, "NUMBER(phys_base)": "1; q"})
    assert not is_known("62", {**INFO, "SYMBOL(init_top_pgt)": "0"})
    assert not is_known("62", {**INFO, "NUMBER(phys_base)": "-9999999999999"})


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 2000), st.tuples(st.integers(0, 5000), st.booleans()), min_size=1, max_size=60
    ),
    st.sets(st.integers(0, 2100), min_size=1, max_size=80),
)
def test_against_a_table_of_all_pages(mapped: dict[int, tuple[int, bool]], wanted: set[int]) -> None:
    tables = Made()
    model = {}
    for page, (frame, present) in mapped.items():
        tables.map(UPPER + page, frame, flags=int(present))
        if present:
            model[UPPER + page] = frame
    pages = sorted(UPPER + page for page in wanted)
    found, lost = tables.paging().translate(pages)
    flat = {one.page + at: one.frame + at for one in found for at in range(one.size)}
    assert flat == {page: model[page] for page in pages if page in model}
    assert [one.page for one in lost] == [page for page in pages if page not in model]


class Physical:
    """Transfer's place: pages of which each says its number; some are missing, wholly or in part."""

    rounds, excluded = 1, False

    def __init__(self, missing: dict[int, Missing]) -> None:
        self.missing = missing

    def fetch(self, pages: Sequence[int], gap: int) -> Fetched:
        """One block for each page, with one that nobody asked for behind it."""
        there = [page for page in pages if page not in self.missing or self.missing[page].size < PAGE]
        blocks = [(page << 12, bytes_of(page) + bytes_of(page + 1) * (gap > 0)) for page in there]
        return Fetched(blocks, [self.missing[page] for page in pages if page in self.missing])


def bytes_of(page: int) -> bytes:
    """A page's contents."""
    return struct.pack("<Q", page) * 512


@pytest.mark.parametrize("gap", [0, 3])
def test_blocks_and_holes_at_virtual_addresses(gap: int) -> None:
    tables = Made()
    mapped = {0: 10, 1: 12, 2: 14, 9: 10, 20: 30, 21: 40}
    for page, frame in mapped.items():
        tables.map(UPPER + page, frame)
    holes = {30: Missing(30 << 12, PAGE, "excluded"), 40: Missing((40 << 12) + 512, 512, "not in the dump")}
    walked = Walked(None, tables.paging())  # type: ignore[arg-type] # no session: its reads are replaced
    walked._physical = Physical(holes)  # type: ignore[assignment] # as above
    found = walked.fetch([UPPER + page for page in (*mapped, 50)], gap)
    data = dict(found.blocks)
    assert {page: data[UPPER + page << 12] for page in (0, 1, 2, 9)} == {
        page: bytes_of(mapped[page]) for page in (0, 1, 2, 9)
    }
    assert UPPER + 20 << 12 not in data
    assert set(found.missing) == {
        Missing(UPPER + 50 << 12, PAGE, "not mapped"),
        Missing(UPPER + 20 << 12, PAGE, "excluded"),
        Missing((UPPER + 21 << 12) + 512, 512, "not in the dump"),
    }
