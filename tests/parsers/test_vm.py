"""``vm``: pages in memory, on swap, in files; an older crash on a newer kernel; recorded outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.vm import TaskMemory, TaskStructures, VmFlags, VmPage
from tests.parsers.recorded import each, output, parsed

TASK = 'PID: 386    TASK: c11cc000  CPU: 0   COMMAND: "atd"\n'
MM = "   MM       PGD       RSS    TOTAL_VM\nc7e30560  c10e5000    104k     1112k\n"
TITLES = "  VMA      START      END     FLAGS  FILE\n"
AREA = "c0fbe6a0   8048000   804b000  1875   /usr/sbin/atd\n"
PAGES = " VIRTUAL  PHYSICAL\n"


def test_where_pages_are() -> None:
    rows = (
        " 8048000  20e1000\n"
        "804f000  SWAP: /dev/sda8  OFFSET: 24225\n"
        "40000000  FILE: /lib/a  OFFSET: 1.so  OFFSET: 1000\n"
        "40001000  (not mapped)\n"
    )
    (area,) = parse("vm -p 386", TASK + MM + TITLES + AREA + PAGES + rows).one().areas
    assert area.pages == (
        VmPage(virtual=0x8048000, physical=0x20E1000),
        VmPage(virtual=0x804F000, swap="/dev/sda8", swap_offset=24225),
        VmPage(virtual=0x40000000, file="/lib/a  OFFSET: 1.so", offset=0x1000),
        VmPage(virtual=0x40001000),
    )


def test_an_area_without_file_and_sizes_in_bytes() -> None:
    task = parse("vm 386", TASK + MM + TITLES + "c0d1f880   80b3000   80ec000    77   \n").one()
    assert (task.rss, task.total_vm) == (104 * 1024, 1112 * 1024)
    assert (task.areas[0].file, task.areas[0].pages, task.areas[0].flags) == (None, None, 0x77)


def test_a_kernel_thread() -> None:
    text = TASK + "   MM       PGD       RSS    TOTAL_VM\n   0         0        0k        0k    \n\n"
    assert (parse("vm 386", text).one().mm, parse("vm 386", text).one().areas) == (0, ())


def test_what_an_older_crash_says_of_a_newer_kernel_marks_the_answer() -> None:
    error = (
        "\nvm: invalid structure member offset: mm_struct_mmap\n"
        "    FILE: memory.c  LINE: 4007  FUNCTION: vm_area_dump()\n\n"
    )
    trace = "[/usr/bin/crash] error trace: 55e384707a2e => 55e384706749 => 55e3847b78f7\n"
    answer = parse("vm 386", error + TASK + MM + trace + error)
    assert (answer.one().mm, answer.one().areas, answer.complete) == (0xC7E30560, (), False)


@pytest.mark.parametrize("text", [TASK, TASK + MM, TASK + MM + TITLES])
def test_a_task_of_which_crash_says_nothing_is_marked(text: str) -> None:
    answer = parse("vm 386", text)
    assert (answer.one().areas, answer.complete) == ((), False)


def test_an_area_that_is_not_there() -> None:
    answer = parse("vm -P 0 386", TASK + "(not found)\n")
    assert (answer.one().areas, answer.warnings[0].kind) == ((), "empty")


@pytest.mark.parametrize(
    "text",
    [
        "",
        MM + TITLES + AREA,
        TASK + AREA,
        TASK + MM + PAGES,
        TASK + MM + TITLES + AREA.replace("804b000", ""),
        TASK + MM.replace("104k", "104"),
        TASK + MM + TITLES + AREA + PAGES + "8048000\n",
        TASK + TASK.replace("386", "387"),
        "vm: invalid task or pid value: 386\n",
    ],
)
def test_text_that_is_no_answer(text: str) -> None:
    with pytest.raises(ParseError):
        parse("vm -p 386", text)


@pytest.mark.parametrize(("text", "names"), [("75: (READ|EXEC)\n", ("READ", "EXEC")), ("0: ()\n", ())])
def test_flags(text: str, names: tuple[str, ...]) -> None:
    assert parse("vm -f 75", text).one() == VmFlags(flags=int(text.partition(":")[0], 16), names=names)


def test_structures() -> None:
    text = TASK + "struct mm_struct {\n  rss = 0xf6\n}\n"
    (structure,) = parse("vm -m 386", text).one().structures
    assert (structure.type, structure.value) == ("struct mm_struct", {"rss": 0xF6})


@each("vm", "vm_*pid")
def test_areas_and_pages_are_counted(case: Path) -> None:
    _, text = output(case)
    for task in parsed(case):
        if not isinstance(task, TaskMemory):
            continue
        rows = re.findall(r"^[0-9a-f]{8,16} +[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]+(?: |$)", text, re.MULTILINE)
        assert len(task.areas) == len(rows)
        pages = re.findall(
            r"^[0-9a-f]+ +(?:[0-9a-f]+|FILE: .*|SWAP: .*|\(not mapped\)) *$", text, re.MULTILINE
        )
        assert sum(len(area.pages or ()) for area in task.areas) == len(pages)
        for area in task.areas:
            assert area.start < area.end
            assert all(area.start <= page.virtual < area.end for page in area.pages or ())


@each("vm", "vm_-m_pid")
def test_the_mm_struct_agrees_with_the_table(case: Path) -> None:
    beside = case.with_name("vm_pid.cmd")
    (task,) = parsed(beside)
    (structures,) = parsed(case)
    assert isinstance(task, TaskMemory)
    assert isinstance(structures, TaskStructures)
    pgd = structures.structures[0].value["pgd"]
    assert getattr(pgd, "address", pgd) == task.pgd


SWAPPED = (
    'PID: 7      TASK: c61a0000  CPU: 0    COMMAND: "atd"\n'
    "   MM       PGD      RSS    TOTAL_VM\n"
    "c7e30560  c10e5000    88k     1112k\n"
    "  VMA      START      END     FLAGS  FILE\n"
    "c0fbe6a0   8048000   804b000  1875   /usr/sbin/atd\n"
    " VIRTUAL  PHYSICAL\n"
    " 8048000  SWAP: /dev/sda8  OFFSET: 24225\n"
    " 8049000  SWAP: /swap file  OFFSET: 22716\n"
)


def test_offsets_on_swap() -> None:
    def offsets(text: str) -> list[int | None]:
        return [page.swap_offset for page in parse("vm -p 7", text).one().areas[0].pages]

    assert offsets(SWAPPED) == [24225, 22716]
    assert offsets(SWAPPED.replace("22716", "2271c")) == [0x24225, 0x2271C]
    assert [note.kind for note in parse("vm -p 7", SWAPPED).warnings] == ["doubtful"]
    wide = SWAPPED.replace("c0fbe6a0", "ffff8880c0fbe6a0")
    assert parse("vm -p 7", wide).warnings == ()
    named = wide.replace("/usr/sbin/atd", "/tmp/x SWAP: y  OFFSET: abc")
    assert offsets(named) == [24225, 22716]


@pytest.mark.parametrize("blank", ["", " "])
def test_a_page_whose_file_holds_another_page_is_marked(blank: str) -> None:
    area = "ffff8c3b1ec8e2f8   4b9000   4bb000  1875   /usr/bin/cat\n"
    page = "4b9000      FILE: /usr/bin/cat  OFFSET: b9000"
    text = f"{TASK}{MM}{TITLES}{area}VIRTUAL     PHYSICAL\n{page}"
    whole = f"{text}\n{page.replace('4b9', '4ba')}\n"
    assert parse("vm -p 386", whole).complete
    joined = parse("vm -p 386", f"{text}{blank}{page.replace('4b9', '4ba')}\n")
    assert "joined" in [notice.kind for notice in joined.warnings]
    assert not joined.complete


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("file", ["/usr/sbin/atd", "   "])
def test_an_area_that_holds_another_one_is_marked(file: str, blank: str) -> None:
    """A newline that was lost, or became a blank; a path may look so, too."""
    area = "ffff8c3b1ec8e2f8   7fd2e4b94000   7fd2e4e06000  1875"
    text = f"{TASK}{MM}{TITLES}{area}   {file}{blank}{area}   /x\n"
    answer = parse("vm 386", text)
    assert not answer.complete
    assert "joined" in [notice.kind for notice in answer.warnings]
    assert parse("vm 386", f"{TASK}{MM}{TITLES}{area}   {file}\n").complete


def test_a_file_whose_name_holds_newlines() -> None:
    start = TASK + MM + TITLES + AREA
    answer = parse("vm 386", f"{start}and more\n{AREA}")
    assert [area.file for area in answer.one().areas] == ["/usr/sbin/atd\nand more", "/usr/sbin/atd"]
    assert (answer.complete, answer.warnings[0].kind) == (False, "newline")
    with pytest.raises(ParseError, match="expected a row of areas: VMA START END FLAGS FILE"):
        parse("vm 386", start + "x y\n" * 1024)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TASK + MM + PAGES, "pages of no area"),
        (TASK + MM + TITLES + AREA + PAGES + PAGES, "pages of no area"),
        (TASK + MM + MM, "the address space of a task stands twice"),
        (TASK + MM + TITLES + AREA + PAGES + "8048000  -\n", "expected a page: VIRTUAL PHYSICAL"),
    ],
)
def test_errors_say_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse("vm -p 386", text)
    assert caught.value.reason == reason
    assert not parse("vm -p 386", text, lenient=True).complete
