"""``vtop`` and ``pte`` on architectures that the golden outputs don't have."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.ptes import PageTableEntry
from crashdrive.parsers.vtop import Step, Translation

HEAD = "VIRTUAL           PHYSICAL        \nc000000081234560  1234560         \n\n"


def translated(text: str) -> Translation:
    found: Translation = parse("vtop c000000081234560", HEAD + text + "\n").one()
    return found


def test_levels_of_older_ppc64_and_huge_pages() -> None:
    found = translated(
        "PAGE DIRECTORY: c000000001230000\n  L4: c000000001230018 => c0000000bb310000\n"
        "   HUGE PD: c0000000bb310020 => 8000000012340393\n  HUGE PAGE: 12340000\n"
    )
    assert found.tables == (
        Step("L4", 0xC000000001230018, 0xC0000000BB310000),
        Step("HUGE PD", 0xC0000000BB310020, 0x8000000012340393),
    )
    assert (found.page, found.page_size) == (0x12340000, "HUGE")


def test_values_that_loongarch_and_mips_pad() -> None:
    found = translated(
        "SEGMENT: xkvrange\nPAGE DIRECTORY: 9000000001a40000\n"
        "  PGD: 9000000001a40008 =>         90e1c000\n PAGE: 0000000001234000\n"
    )
    assert (found.segment, found.tables) == ("xkvrange", (Step("PGD", 0x9000000001A40008, 0x90E1C000),))


@pytest.mark.parametrize("words", ["invalid", "invalid for c000000081234560 address"])
def test_an_entry_that_leads_nowhere(words: str) -> None:
    header, row = "VIRTUAL           PHYSICAL        \n", "c000000081234560  (not mapped)\n\n"
    for text in (f"{header}{words}\n{row}", f"{header}{row}PAGE DIRECTORY: 81a40000\n{words}\n\n"):
        assert parse("vtop c000000081234560", text).one().physical is None
    assert translated(f"PAGE DIRECTORY: 81a40000\n{words}\n").reason == "invalid"
    with pytest.raises(ParseError):
        parse("vtop 1", f"{words}\n{HEAD}")


def test_regions_of_ia64() -> None:
    assert translated("[MAPPED IN TRANSLATION REGISTER]\n").segment == "MAPPED IN TRANSLATION REGISTER"
    assert translated("[UNCACHED MEMORY]\n").segment == "UNCACHED MEMORY"


def test_the_walk_of_sparc64() -> None:
    found = translated(
        "pgd fetch(0xfff8000100100000) fetch of pte @index[0x0011]=0x0000000000120000\n"
        "pmd fetch(0xfff8000100120000) fetch of pte @index[0x0002]=0x8000000001000791\n"
        "Huge Page/THP pmd=0x8000000001000791 paddr=0x0000000001234560\n"
    )
    assert found.tables == (
        Step("PGD", 0xFFF8000100100088, 0x120000),
        Step("PMD", 0xFFF8000100120010, 0x8000000001000791),
    )
    assert (found.page_size, found.physical) == ("HUGE", 0x1234560)


def test_machine_addresses_of_xen() -> None:
    found = translated(
        "PAGE DIRECTORY: c0101000\n  PGD: c0101c00 => 71001067 [machine]\n  PGD: c0101c00 => 3067\n"
        "  PTE: 71004000 [machine]\n  PTE: 4000 => 5067\n PAGE: 71230000 [machine]\n PAGE: 1234000\n"
    )
    assert found.tables == (
        Step("PGD", 0xC0101C00, 0x71001067, machine=True),
        Step("PGD", 0xC0101C00, 0x3067),
        Step("PTE", 0x71004000, None, machine=True),
        Step("PTE", 0x4000, 0x5067),
    )
    assert (found.machine_page, found.page) == (0x71230000, 0x1234000)
    found = translated(" PAGE: 71000000  (4MB) [machine]\n PAGE: page not available\n")
    assert (found.machine_page, found.page, found.page_size) == (0x71000000, None, "4MB")
    assert found.reason == "not available"


@pytest.mark.parametrize(
    "text", ["  PTE: 4000\n", "  PGD: 1 => 2\n  PGD: 3\n", " PAGE: 1000\n PAGE: 2000\n", "[unknown]\n"]
)
def test_cut_and_doubled_levels(text: str) -> None:
    with pytest.raises(ParseError):
        translated(text)


def test_entries_of_s390_run_together() -> None:
    header = "PTE      PHYSICAL  FLAGS\n"
    text = f"{header}00123467 00123000  (){header}00456200 00456000  (PROTECTION)"
    assert list(parse("pte 123467 456200", text)) == [
        PageTableEntry(pte=0x123467, physical=0x123000),
        PageTableEntry(pte=0x456200, physical=0x456000, flags=("PROTECTION",)),
    ]


def test_entries_that_crash_does_not_name() -> None:
    assert parse("pte 400", "PTE is invalid\n").one() == PageTableEntry(pte=0x400, flags=("INVALID",))
    flags = "Modified|Accessed|Present|PageSize(8Kb)\n"
    assert parse("pte 8000000000000791", flags).one() == PageTableEntry(
        pte=0x8000000000000791, flags=("Modified", "Accessed", "Present", "PageSize(8Kb)")
    )
    assert parse("pte 1", "|PageSize(Not Supported)\n").one().flags == ("PageSize(Not Supported)",)
    for command in ("pte", "pte x", "pte 8000000000000791 0"):
        with pytest.raises(ParseError):
            parse(command, flags)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("  PTE: 4000\n", "a level of the page tables without its value"),
        (" PAGE: 1000\n PAGE: 2000\n", "page stands twice"),
        ("SWAP: a  OFFSET: 1\nFILE: b  OFFSET: 2\n", "offset stands twice"),
        ("  flags in binary : P=0\n", "the flags of no level"),
        ("PAGE DIRECTORY: 1067\nPGD DIRECTORY: f000\n", "the root of the page tables below one of them"),
        ("PTE  PHYSICAL  FLAGS\n-\n", "expected a page table entry: PTE PHYSICAL (FLAGS)"),
        ("VMA START END FLAGS FILE\n1 2 3\n", "expected an area: VMA START END FLAGS FILE"),
        ("VIRTUAL  PHYSICAL\nnone\n", "expected an address: VIRTUAL PHYSICAL"),
    ],
)
def test_errors_of_translations_say_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse("vtop c000000081234560", HEAD + text)
    assert caught.value.reason.startswith(reason)
    assert not parse("vtop c000000081234560", HEAD + text, lenient=True).complete


@pytest.mark.parametrize("header", ["PTE  PHYSICAL  FLAGS", "PTE  SWAP  OFFSET", "VMA START END FLAGS FILE"])
def test_a_translation_that_breaks_off_below_a_header(header: str) -> None:
    answer = parse("vtop c000000081234560", f"{HEAD}{header}\n\n")
    assert (len(answer), answer.complete) == (1, False)
    assert [notice.message for notice in answer.warnings] == ["crash broke off below a header"]
