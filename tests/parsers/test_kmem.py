"""``kmem``: old and new shapes, and recorded outputs held against themselves counted in another way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.kmem import (
    AddressReport,
    FreeZone,
    KmemAnswer,
    MemoryUse,
    PageCount,
    PageFlag,
    SlabCache,
    SlabCacheContents,
    VmapArea,
    ZoneUse,
)
from crashdrive.records import Answer
from tests.parsers.recorded import cases, each, output, parsed

OLD_INFO = """\
                 PAGES        TOTAL      PERCENTAGE
    TOTAL MEM    30847     120.5 MB         ----
         FREE     1199       4.7 MB    3% of TOTAL MEM

   TOTAL HIGH        0            0    0% of TOTAL MEM

   TOTAL SWAP    65924     257.5 MB         ----

ZONE  NAME        FREE   ACTIVE  INACTIVE_DIRTY  INACTIVE_CLEAN  MIN/LOW/HIGH
  0   DMA          1063      352             512               0  128/256/384
  1   Normal        136     5031            3318               7  255/510/765
"""
OLD_SLABS = """\
CACHE    NAME                 OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE
c02eadc0 kmem_cache               232         58        68      4     4k
c8402d10 dnotify cache             20          0         0      0     4k
f79c2888 ip_vs_conn               128          ?         ?      ?     4k
"""
PER_CPU = """\
CACHE     OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
f79c2ee0      128          1         5      1     4k  arp_cache
SLAB      MEMORY    TOTAL  ALLOCATED  FREE
f729d000  f729d0a0      5          1     4
FREE / [ALLOCATED]
   f729d0a0  (cpu 7 cache)
   f729d120  (shared cache)
   f729d1a0
   f729d220  (cpu 3 cache)
  [f729d2a0]
"""


def test_info_of_a_2_4_kernel_has_a_table_of_zones() -> None:
    answer = parse("kmem -i", OLD_INFO)
    uses = [r for r in answer if isinstance(r, MemoryUse)]
    zones = [r for r in answer if isinstance(r, ZoneUse)]
    assert [use.name for use in uses] == ["TOTAL MEM", "FREE", "TOTAL HIGH", "TOTAL SWAP"]
    assert (uses[1].pages, uses[1].percentage, uses[1].percentage_of) == (1199, 3, "TOTAL MEM")
    assert (zones[1].name, zones[1].pages_low, zones[1].inactive_clean_pages) == ("Normal", 510, 7)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (("1199       4.7 MB", "1199       4.7"), 3),
        (("   3% of TOTAL MEM", ""), 3),
        (("         FREE", "    TOTAL MEM"), 3),
        (("PAGES  ", "SIZE   "), 1),
        (("  0   DMA ", "  0       "), 10),
    ],
)
def test_a_damaged_line_of_info_is_an_error(damage: tuple[str, str], line: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse("kmem -i", OLD_INFO.replace(*damage, 1))
    assert caught.value.line == line


def test_sizes_are_those_of_the_pages_not_what_crash_rounded() -> None:
    """347.7 MB are 364,589,875 bytes; 89,008 pages of 4 KiB are 364,576,768."""
    head = "  PAGES  TOTAL  PERCENTAGE\n"
    for rounded, page in (("347.7 MB", 4096), ("5.4 GB", 65536)):
        answer = parse("kmem -i", f"{head} TOTAL MEM 89008 {rounded} ----\n TOTAL SWAP 0 0 ----\n")
        assert [use.total for use in answer] == [89008 * page, 0]
    (swap,) = parse("kmem -i", f"{head} TOTAL SWAP 0 0 ----\n")
    assert swap.total is None


@pytest.mark.parametrize("size", ["347.7 KB", "347.9 MB", "0", "695.4 MB"])
def test_a_size_that_is_not_that_of_the_pages_is_an_error(size: str) -> None:
    text = (
        f"  PAGES  TOTAL  PERCENTAGE\n TOTAL MEM 120260 469.8 MB ----\n FREE 89008 {size} 74% of TOTAL MEM\n"
    )
    with pytest.raises(ParseError, match="is not the size of 89008 pages"):
        parse("kmem -i", text)


def test_caches_as_crash_printed_them_before_7_2_4() -> None:
    rows = parse("kmem -s", OLD_SLABS).records
    assert [row.name for row in rows] == ["kmem_cache", "dnotify cache", "ip_vs_conn"]
    assert [row.allocated for row in rows] == [58, 0, None]
    assert {row.ssize for row in rows} == {4096}


def test_names_that_crash_could_not_read_mark_the_answer() -> None:
    answer = parse("kmem -s", OLD_SLABS.replace("ip_vs_conn", "(unknown)"))
    assert (len(answer), answer.complete, answer.warnings[0].kind) == (3, False, "unknown")


def test_ignored_caches_are_rows_without_numbers() -> None:
    text = OLD_SLABS.splitlines()[0] + f"\n{0xC02EADC0:x} {'[IGNORED]':<43}  skbuff\n"
    assert parse("kmem -I skbuff -s", text).one() == SlabCache(cache=0xC02EADC0, name="skbuff", ignored=True)


@pytest.mark.parametrize(
    "line",
    [
        "c02eadc0 [IGNORED]  skbuff f79c2888      128          1         5      1     4k  ip_vs_conn",
        "c02eadc0 [IGNORED]  skbufff79c2888 [IGNORED]  ip_vs_conn",
        "f79c2888      128          1         5      1     4k  ip_vs_connc02eadc0 [IGNORED]  skbuff",
    ],
)
def test_a_row_that_lost_its_newline_is_no_part_of_a_name(line: str) -> None:
    head = PER_CPU.splitlines()[0]
    with pytest.raises(ParseError, match="slab cache"):
        parse("kmem -I skbuff -s", f"{head}\n{line}\n")


def test_objects_of_the_old_slab_allocator() -> None:
    contents = parse("kmem -S arp_cache", PER_CPU).one()
    assert contents.cache.name == "arp_cache"
    objects = contents.slabs[0].objects
    assert [(o.state, o.cpu) for o in objects] == [
        ("cpu", 7),
        ("shared", None),
        ("free", None),
        ("cpu", 3),
        ("allocated", None),
    ]


def test_a_slab_with_fewer_objects_than_it_says_is_marked() -> None:
    answer = parse("kmem -S arp_cache", PER_CPU.replace("   f729d1a0\n", ""))
    assert not answer.complete
    assert "5 objects, 4" in answer.warnings[0].message


def test_an_address_in_no_object() -> None:
    text = PER_CPU[: PER_CPU.index("FREE /")] + "   f729d010  (kmem_bufctl_t)\n"
    assert parse("kmem -s f729d010", text).one().slabs[0].objects[0].state == "kmem_bufctl_t"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("kmem -s", ""),
        ("kmem -s", "kmem: kmem cache slab subsystem not available\n"),
        ("kmem -r", "kmem: -r option not supported or applicable on this architecture or kernel\n"),
        ("kmem -i", ""),
        ("kmem -f", ""),
        ("kmem -p", ""),
        ("kmem -p", "  PAGE    PHYSICAL   MAPPING    INDEX CNT FLAGS\nf5c51200     10000\n0\n"),
        ("kmem -v", ""),
        ("kmem -V", "  VM_STAT:\n"),
        ("kmem -n", ""),
        ("kmem -o", "PER-CPU OFFSET VALUES:\n"),
        ("kmem -g", "PAGE-FLAG\nPG_locked 0 1\n"),
        ("kmem ffff888003a54000", ""),
        ("kmem -m flags", "      PAGE        flags\nffffea0000000000  00ff  00ff\n"),
    ],
)
def test_text_that_is_no_answer(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


def test_a_cache_that_is_not_there_is_an_answer_but_proves_nothing() -> None:
    answer = parse("kmem -s no_such_cache", "")
    assert not answer.complete
    assert [notice.kind for notice in answer.warnings] == ["empty"]


def test_flags_of_a_page_by_name_number_or_both() -> None:
    head = "  PAGE     PHYSICAL   MAPPING    INDEX CNT FLAGS\n"
    rows = "c410ee74 3fbd000   0   0  1 slab\nc2400000 1000  0  0  0 800\nc2500000 2000 0 0 0 \n"
    pages = parse("kmem -p", head + rows).records
    assert [(p.flags, p.flag_names) for p in pages] == [(None, ("slab",)), (0x800, ()), (None, ())]


def test_an_unmapped_page_has_addresses_alone() -> None:
    text = (
        "PAGE  PHYSICAL  MAPPING  INDEX CNT FLAGS\nffffea0000000000  1000                         reserved\n"
    )
    page = parse("kmem -p", text).one()
    assert (page.mapping, page.cnt, page.flag_names) == (None, None, ("reserved",))


def alone(pattern: str, shape: str) -> pytest.MarkDecorator:
    """Each good output of one shape."""
    found = [case for case in cases("kmem", pattern) if parsed(case).shape == shape]
    names = [str(case.relative_to(case.parents[3]).with_suffix("")) for case in found]
    return pytest.mark.parametrize("case", found, ids=names)


@alone("kmem_-i*", "info")
def test_info_adds_up(case: Path) -> None:
    uses = {use.name: use for use in parsed(case) if isinstance(use, MemoryUse)}
    assert uses["USED"].pages == uses["TOTAL MEM"].pages - uses["FREE"].pages
    assert uses["SWAP FREE"].pages == uses["TOTAL SWAP"].pages - uses["SWAP USED"].pages
    for use in uses.values():
        assert use.total == use.pages * 4096
        if use.percentage_of in uses and uses[use.percentage_of].pages:
            assert use.percentage == use.pages * 100 // uses[use.percentage_of].pages


def lines_like(text: str, pattern: str) -> int:
    return len(re.findall(pattern, text, re.MULTILINE))


@each("kmem", "kmem_-s")
def test_each_line_behind_the_header_is_a_cache(case: Path) -> None:
    _, text = output(case)
    answer = parsed(case)
    assert len(answer) == len(text.splitlines()) - 1
    for row, line in zip(answer, text.splitlines()[1:], strict=True):
        assert isinstance(row, SlabCache)
        assert [f"{row.cache:x}", str(row.objsize), str(row.allocated)] == line.split()[:3]
        assert line.endswith(row.name)


@each("kmem", "kmem_-[sS]_list")
def test_the_list_of_caches_names_those_of_the_table(case: Path) -> None:
    names = {(row.cache, row.name) for row in _rows(parsed(case))}
    beside = case.with_name("kmem_-s.cmd")
    if not beside.exists():
        pytest.skip("the table of caches is too long to be recorded here")
    assert names == {(row.cache, row.name) for row in _rows(parsed(beside))}


def _rows(answer: Answer[object]) -> list[SlabCache]:
    return list(answer.records)  # type: ignore[arg-type]  # both kinds of rows have a cache and a name


@alone("kmem_-S*", "slabs")
def test_objects_are_counted_and_agree_with_the_slabs(case: Path) -> None:
    _, text = output(case)
    for contents in parsed(case):
        assert isinstance(contents, SlabCacheContents)
        slabs = [slab for slab in contents.slabs if slab.objects]
        for slab in slabs:
            if len(slab.objects) == slab.total:
                in_use = sum(o.state == "allocated" for o in slab.objects)
                assert (in_use, len(slab.objects) - in_use) == (slab.allocated, slab.free)
        listed = sum(len(slab.objects) for slab in slabs)
        assert listed == lines_like(text, r"^  (?:\[[0-9a-f]+\]| [0-9a-f]+  .*)$")


@each("kmem", "kmem_-f")
def test_free_pages_add_up_to_what_crash_verified(case: Path) -> None:
    _, text = output(case)
    zones = [r for r in parsed(case) if isinstance(r, FreeZone)]
    (total,) = [r for r in parsed(case) if isinstance(r, PageCount)]
    assert total.pages == sum(zone.free_pages or 0 for zone in zones)
    assert total.found == sum(area.pages or 0 for zone in zones for area in zone.areas)
    assert ("(verified)" in text) == (total.pages == total.found)
    for zone in zones:
        assert all((a.blocks or 0) << a.area == a.pages for a in zone.areas)
        assert all(a.size == 4096 << a.area for a in zone.areas)


@each("kmem", "kmem_-F")
def test_listed_free_blocks_are_those_that_are_counted(case: Path) -> None:
    beside = case.with_name("kmem_-f.cmd")
    if not beside.exists():
        pytest.skip("no count beside it")
    listed = [a for z in parsed(case) if isinstance(z, FreeZone) for a in z.areas]
    counted = [a for z in parsed(beside) if isinstance(z, FreeZone) for a in z.areas]
    assert [len(a.addresses) for a in listed] == [a.blocks for a in counted]


@each("kmem", "kmem_-V")
def test_each_counter_is_a_line(case: Path) -> None:
    _, text = output(case)
    assert len(parsed(case)) == lines_like(text, r": -?\d+$")


@each("kmem", "kmem_-v")
def test_areas_are_as_long_as_they_say(case: Path) -> None:
    areas = [area for area in parsed(case) if isinstance(area, VmapArea)]
    assert all(area.end - area.start == area.size for area in areas)
    assert len(areas) == lines_like(output(case)[1], " - ")


@alone("kmem_-g*", "page-flags")
def test_flags_are_their_bits(case: Path) -> None:
    flags = [flag for flag in parsed(case) if isinstance(flag, PageFlag)]
    assert all(flag.value == 1 << flag.bit for flag in flags)
    assert len(flags) == lines_like(output(case)[1], r"^ *PG_")


@each("kmem", "kmem_task*")
def test_the_report_on_a_task_names_it_everywhere(case: Path) -> None:
    command, _ = output(case)
    address = int(command.split()[1], 16)
    (report,) = parsed(case)
    assert isinstance(report, AddressReport)
    assert report.task is not None
    assert report.task.task == address
    assert report.caches[0].cache.name == "task_struct"
    assert report.caches[0].slabs[0].objects[0].address == address


def test_there_are_recorded_outputs() -> None:
    assert cases("kmem", "kmem_-i")


# Each with the recorded outputs that crash prints one after another.
SEVERAL = [
    ("kmem -n -z", ["n", "z"]),
    ("kmem -z -n", ["n", "z"]),
    ("kmem -zi", ["i", "z"]),
    ("kmem -s -n", ["s", "n"]),
    ("kmem -f -n -z", ["f", "n", "z"]),
    ("kmem -V -z", ["z", "V"]),
    ("kmem -Vn", ["n", "V"]),
    ("kmem -o -z -n", ["n", "z", "o"]),
    ("kmem -g -z", ["z", "g"]),
    ("kmem -h -z", ["h", "z"]),
]


def test_several_flags_are_what_each_one_gives() -> None:
    folders = {case.parent for case in cases("kmem", "kmem_-z") if "@" not in case.name}
    assert folders
    for folder in folders:
        for command, letters in SEVERAL:
            files = [folder / f"kmem_-{letter}.out" for letter in letters]
            texts = [path.read_text(encoding="utf-8") for path in files if path.exists()]
            if len(texts) < len(files):
                continue
            answer = parse(command, "".join(texts))
            assert answer.shape == "several"
            assert [part.option for part in answer] == letters
            for part, text in zip(answer, texts, strict=True):
                alone = parse(f"kmem -{part.option}", text)
                assert (part.shape, part.records) == (alone.shape, alone.records)


@each("kmem", "kmem_-n_-z")
def test_recorded_flags_are_those_of_the_single_ones(case: Path) -> None:
    for part in parsed(case):
        assert isinstance(part, KmemAnswer)
        assert part.records == parsed(case.with_name(f"kmem_-{part.option}.cmd")).records


def test_a_report_that_is_missing_among_several() -> None:
    zones = 'NODE: 0  ZONE: 2  ADDR: ffff8ea55e824280  NAME: "Normal"\n  [unpopulated]\n\n'
    answer = parse("kmem -z -o", zones)
    assert ([part.option for part in answer], answer.complete) == (["z"], False)
    answer = parse("kmem -n -z", zones)
    assert ([part.option for part in answer], answer.complete) == (["z"], False)
    for command in ("kmem -i -s", "kmem -z -V", "kmem -z -n"):
        with pytest.raises(ParseError):
            parse(command, "kmem: only one flag allowed!\n")
    with pytest.raises(ParseError) as failure:
        parse("kmem -z -o", f"{zones}PER-CPU OFFSET VALUES:\n  CPU 0: ffff8ea55de00000\nnonsense\n")
    assert failure.value.line == 6


def test_info_that_breaks_off() -> None:
    head, _, _ = OLD_INFO.partition("   TOTAL SWAP")
    assert not parse("kmem -i", head).complete
    assert parse("kmem -i", OLD_INFO).complete


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("command", ["kmem -s", "kmem -s list"])
def test_a_name_takes_no_second_row(command: str, blank: str) -> None:
    """A newline that was lost, or became a blank."""
    rows = "ffff8c3b011b7300 {}task_struct\nffff8c3b011b7400 {}mm_struct\nffff8c3b011b7500 {}files\n"
    head = "CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME\n"
    numbers = "8328 145 156 52 32k  "
    text = rows.format("", "", "") if "list" in command else head + rows.format(numbers, numbers, numbers)
    assert len(parse(command, text)) == 3
    with pytest.raises(ParseError):
        parse(command, text.replace("task_struct\n", f"task_struct{blank}"))


def test_a_report_has_one_row_of_a_table() -> None:
    row = "fffff197400a4100  2904000 dead000000000400        0  0 fffffc0000000\n"
    text = f"      PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS\n{row}"
    assert parse("kmem fffff197400a4100", text).one().page is not None
    with pytest.raises(ParseError):
        parse("kmem fffff197400a4100", text + row)


def test_a_cpu_has_one_slab_of_its_own_and_a_node_stands_once() -> None:
    head = "CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME\nff00 8 1 1 1 4k  x\n"
    slab = "  SLAB  MEMORY  NODE  TOTAL  ALLOCATED  FREE\n  ffee 4000 0 3 3 0\n"
    node = "KMEM_CACHE_NODE NODE SLABS PARTIAL PER-CPU\nff10 0 1 0 1\n"
    lists = "NODE 0 PARTIAL:\n  (empty)\nNODE 0 FULL:\n  (not tracked)\n"
    text = f"{head}CPU 0 KMEM_CACHE_CPU:\n  ff20\nCPU 0 SLAB:\n{slab}{node}{lists}"
    contents = parse("kmem -S x", text).one()
    assert (contents.slabs[0].place, contents.nodes[0].full_tracked) == ("cpu 0", False)
    for damaged in (
        text.replace(slab, slab * 2),
        text.replace(node, node * 2),
        text.replace("CPU 0 SLAB:\n", ""),
    ):
        with pytest.raises(ParseError):
            parse("kmem -S x", damaged)


def test_a_report_that_cannot_be_read_among_several() -> None:
    zones = 'NODE: 0  ZONE: 2  ADDR: ffff8ea55e824280  NAME: "Normal"\n  [unpopulated]\n\n'
    offsets = "PER-CPU OFFSET VALUES:\n  CPU 0: ffff8ea55de00000\n"
    broken = zones.replace("[unpopulated]", "nonsense")
    with pytest.raises(ParseError) as failure:
        parse("kmem -z -o", broken + offsets)
    assert failure.value.line == 2
    answer = parse("kmem -z -o", broken + offsets, lenient=True)
    assert (answer[-1].option, answer.complete) == ("o", False)
    with pytest.raises(ParseError):
        parse("kmem -z -o", "")
