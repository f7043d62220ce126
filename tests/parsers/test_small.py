"""The small commands: numbers, addresses, page tables, instructions, crash's own tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.alias import Alias, DeletedAlias
from crashdrive.parsers.ascii import AsciiText
from crashdrive.parsers.dis import Instruction, SourceLine
from crashdrive.parsers.extend import Extension, ExtensionEvent
from crashdrive.parsers.grammar.ptes import PageTableEntry
from crashdrive.parsers.ptov import PerCpuVirtual, VirtualAddress
from crashdrive.parsers.rustfilt import RustSymbol
from crashdrive.parsers.sbitmapq import SbitmapEntry, WaitState
from crashdrive.parsers.vtop import MappedArea, PageStruct, Step
from tests.parsers.recorded import each, output, parsed


def evaluated(value: int, bits: bool) -> str:  # noqa: FBT001 - Hypothesis gives it
    """``print_number()`` on a 64-bit machine."""
    sign = f"({value - (1 << 64)})" if value >> 63 else ""
    places = " ".join(str(bit) for bit in range(63, -1, -1) if value >> bit & 1)
    text = f"hexadecimal: {value:x}  \n    decimal: {value}  {sign}\n"
    text += f"      octal: {value:o}\n     binary: {value:064b}\n"
    return text + (f"   bits set: {places} \n" if bits else "")


@given(st.integers(0, (1 << 64) - 1), st.booleans())
def test_eval(value: int, bits: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    found = parse("eval -b x", evaluated(value, bits)).one()
    assert (found.value, found.width) == (value, 64)
    assert found.signed == (value - (1 << 64) if value >> 63 else None)
    assert (found.bits is not None) == bits


def test_bases_that_disagree() -> None:
    with pytest.raises(ParseError, match="disagree"):
        parse("eval 5", evaluated(5, bits=False).replace("octal: 5", "octal: 6"))


def test_pages_and_addresses() -> None:
    page = parse("btop 512a000", "512a000: 512a\n").one()
    assert (page.address, page.page) == (0x512A000, 0x512A)
    assert parse("ptob 512a", "512a: 512a000\n").one().address == 0x512A000
    one_of_two = parse("btop 1000 zz", '1000: 1\nbtop: invalid input: "zz"\n')
    assert (len(one_of_two), one_of_two.complete) == (1, False)
    with pytest.raises(ParseError):
        parse("btop zz", 'btop: invalid input: "zz"\n')
    beyond = parse("ptob ffffffffffffffff 1", "ffffffffffffffff: fffffffffffff000\n1: 1000\n")
    assert ([row.address for row in beyond], beyond.complete) == ([0xFFFFFFFFFFFFF000, 0x1000], False)
    with pytest.raises(ParseError):
        parse("ptob ffffffffffffffff", "ffffffffffffffff: ffffffffffffd000\n")


def test_ptov() -> None:
    text = (
        "VIRTUAL           PHYSICAL\nffff88000056e000  56e000\n\nVIRTUAL           PHYSICAL\nunknown  1000\n"
    )
    assert parse("ptov 56e000 1000", text).records == (
        VirtualAddress(0xFFFF88000056E000, 0x56E000),
        VirtualAddress(None, 0x1000),
    )
    text = (
        "PER-CPU OFFSET: b0c0\n  CPU    VIRTUAL\n  [0]  ffff88021e20b0c0\n  [1]  ffff88021e24b0c0 [OFFLINE]\n"
    )
    assert parse("ptov b0c0:a", text)[1] == PerCpuVirtual(0xB0C0, 1, 0xFFFF88021E24B0C0, offline=True)


def test_pte() -> None:
    mapped = " PTE    PHYSICAL  FLAGS\nd8e067   d8e000   (PRESENT|RW|USER)\n"
    swapped = " PTE      SWAP     OFFSET\n13f600  /dev/hda2   5104\n"
    none = "PTE  PHYSICAL  FLAGS\n 0       0     (no mapping)\n"
    assert parse("pte d8e067 13f600 0", mapped + swapped + none).records == (
        PageTableEntry(pte=0xD8E067, physical=0xD8E000, flags=("PRESENT", "RW", "USER")),
        PageTableEntry(pte=0x13F600, swap="/dev/hda2", swap_offset=5104),
        PageTableEntry(pte=0, physical=0),
    )
    s390x = "PTE      PHYSICAL  FLAGS\n00a1b200 00a1b000  (INVALID PROTECTION)\n"
    assert parse("pte a1b200", s390x).one().flags == ("INVALID", "PROTECTION")
    with pytest.raises(ParseError):
        parse("pte 1", mapped.split("\n", maxsplit=1)[0] + "\n")


VTOP = """\
VIRTUAL   PHYSICAL
80b4000   660f000

PAGE DIRECTORY: c37f0000
  PGD: c37f0080 => e0d067
  PTE: c0e0d2d0 => 660f067
 PAGE: 660f000  (4MB)

  PTE    PHYSICAL  FLAGS
660f067   660f000  (PRESENT|RW)

  VMA      START      END      FLAGS  FILE
c773daa0   80b4000   810c000    77    /usr/bin/a b

  PAGE    PHYSICAL   INODE     OFFSET  CNT FLAGS
c0393258   660f000         0     17000  1  uptodate

VIRTUAL   PHYSICAL
40104000  (not mapped)

SWAP: /dev/sda8  OFFSET: 22716
"""


def test_vtop() -> None:
    first, second = parse("vtop 80b4000 40104000", VTOP).records
    assert (first.virtual, first.physical, first.directory) == (0x80B4000, 0x660F000, 0xC37F0000)
    assert first.tables == (Step("PGD", 0xC37F0080, 0xE0D067), Step("PTE", 0xC0E0D2D0, 0x660F067))
    assert (first.page, first.page_size) == (0x660F000, "4MB")
    assert first.pte == PageTableEntry(pte=0x660F067, physical=0x660F000, flags=("PRESENT", "RW"))
    assert first.area == MappedArea(0xC773DAA0, 0x80B4000, 0x810C000, 0x77, "/usr/bin/a b")
    assert first.page_struct == PageStruct(
        page=0xC0393258, physical=0x660F000, mapping=0, index=0x17000, count=1, flags="uptodate"
    )
    assert (second.physical, second.reason, second.swap, second.offset) == (
        None,
        "not mapped",
        "/dev/sda8",
        22716,
    )
    with pytest.raises(ParseError):
        parse("vtop 1", VTOP.split("\n", 2)[2])


@each("vtop")
def test_recorded_translations(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    broken_off = text.rstrip().endswith("PHYSICAL") and not found.complete
    assert len(found) == text.count("VIRTUAL") - broken_off
    assert sum(len(one.tables) for one in found) >= text.count(" => ")


def test_ascii() -> None:
    assert parse("ascii 62696c2f7273752f", "62696c2f7273752f: /usr/lib\n").one() == AsciiText(
        0x62696C2F7273752F, "/usr/lib"
    )
    assert (
        parse("ascii 626900", "0000000000626900: <NUL>ib<NUL><NUL><NUL><NUL><NUL>\n").one().value == 0x626900
    )
    for text in ("62696c2f7273752f: /usr/lix\n", "62: b\n", ""):
        with pytest.raises(ParseError):
            parse("ascii 1", text)


@each("ascii", "ascii")
def test_chart(case: Path) -> None:
    names = {one.code: one.name for one in parsed(case)}  # type: ignore[attr-defined]  # the shape's record
    assert (names[0], names[32], names[65], names[127]) == ("NUL", "SP", "A", "DEL")


DIS = """\
/usr/src/linux-2.2.5/kernel/signal.c: 1074
0xc0112c88 <sys_signal>:        push   %ebp
0xc0112c89 <sys_signal+1>:\tcall   0xc01124b8 <do_sigaction>
/usr/src/linux-2.2.5/kernel/signal.c: 1078
0xc0112c8e <sys_signal+0x6>:\tnopl   0x0(%rax,%rax,1) [FTRACE NOP]
"""


def test_dis() -> None:
    first, second, third = parse("dis -l sys_signal", DIS).records
    assert first == Instruction(
        address=0xC0112C88,
        symbol="sys_signal",
        offset=0,
        instruction="push   %ebp",
        file="/usr/src/linux-2.2.5/kernel/signal.c",
        line=1074,
    )
    assert (second.target, second.target_symbol) == (0xC01124B8, "do_sigaction")
    assert (third.offset, third.note, third.line) == (6, "FTRACE NOP", 1078)
    assert parse("dis -u 81ec624 1", "0x81ec624:      push   %ebp\n").one().symbol is None
    with pytest.raises(ParseError):
        parse("dis sys_signal", DIS)
    with pytest.raises(ParseError):
        parse("dis init_task", "0xffffffff9f61aa40 <init_task>:\t0x0000000000004000\t0x0000000000000000\n")


def test_two_instructions_in_one_line() -> None:
    rows = DIS.splitlines()[1:3]
    for join in ("", " "):
        with pytest.raises(ParseError, match="expected an instruction"):
            parse("dis sys_signal", join.join(rows) + "\n")


def test_source() -> None:
    text = "FILE: kernel/fork.c\nLINE: 617\n\n  616   void mmput(struct mm_struct *mm)\n* 617   {\n  618   \n"
    first, current, last = parse("dis -s mmput", text).records
    assert current == SourceLine(file="kernel/fork.c", line=617, text="{", current=True)
    assert (first.line, last.line, last.text.strip()) == (616, 618, "")
    with pytest.raises(ParseError):
        parse("dis -s mmput", text.replace("* 617   {\n", ""))
    with pytest.raises(ParseError):
        parse(
            "dis -s panic", "FILE: kernel/panic.c\nLINE: 276\n\ndis: panic: source code is not available\n\n"
        )


@each("dis", "dis_*panic*")
def test_recorded_instructions(case: Path) -> None:
    command, text = output(case)
    assert len(parse(command, text)) == len(re.findall(r"^ *0x[0-9a-f]+", text, re.MULTILINE))


def test_aliases_and_extensions() -> None:
    text = "ORIGIN   ALIAS    COMMAND\nbuiltin  man      help \nruntime  ksd      kmem -p | grep slab\n"
    assert parse("alias", text).records == (
        Alias("builtin", "man", "help"),
        Alias("runtime", "ksd", "kmem -p | grep slab"),
    )
    assert parse('alias kp ""', "alias deleted: kp\n").one() == DeletedAlias("kp")
    assert not parse("alias x", "ORIGIN   ALIAS    COMMAND\nalias does not exist: x\n").complete
    text = "SHARED OBJECT  COMMANDS\n./extlib1.so   echo util bin \n"
    assert parse("extend", text).one() == Extension("./extlib1.so", ("echo", "util", "bin"))
    assert parse("extend x.so", "./x.so: shared object loaded\n").one() == ExtensionEvent("./x.so", "loaded")
    assert parse("extend", "").records == ()
    with pytest.raises(ParseError):
        parse("alias", "")


def test_two_rows_in_one_are_refused() -> None:
    for command, text in (
        ("alias", "ORIGIN   ALIAS    COMMAND\nbuiltin  man      help builtin  ?        help\n"),
        ("extend -s", "/usr/lib/a.so /usr/lib/b.so\n"),
        ("extend -s", "echo.so\n"),
        ("extend -s", "a name/echo.so\n"),
        ("map", "MAP FILE CREATED: a MAP FILE CREATED: b\n"),
        ("whatis -r 192", "SIZE  TYPE\n 192  a  192  b\n"),
    ):
        with pytest.raises(ParseError, match="expected"):
            parse(command, text)


def test_repeat() -> None:
    rounds = parse("repeat -1 p jiffies", "jiffies = $1 = 155551079\njiffies = $2 = 155551180\n...\n")
    assert [one.value for one in rounds] == [155551079, 155551180]
    assert not rounds.complete
    block = '     PID: 1\n COMMAND: "init"\n    TASK: c169a000\n     CPU: 0\n   STATE: TASK_RUNNING \n'
    assert [one.pid for one in parse("repeat set", block * 3)] == [1, 1, 1]
    with pytest.raises(ParseError) as caught:
        parse("repeat set", block * 2 + block[:40])
    assert caught.value.line > 10


def test_sbitmaps() -> None:
    text = (
        "depth = 136\nbusy = 4\ncleared = 26\nbits_per_word = 32\nmap_nr = 5\nalloc_hint = {74, 36}\n"
        "wake_batch = 8\nwake_index = 0\nws_active = 0\nws = {\n\t{ .wait_cnt = 8, .wait = inactive },\n"
        "\t{ .wait_cnt = 7, .wait = active },\n}\nround_robin = 0\nmin_shallow_depth = 4294967295\n\n"
        "00000000: 0000 0000 0000 0000 0030 0000 0000 0000\n00000010: 00\n"
    )
    queue = parse("sbitmapq c0000000e118c808", text).one()
    assert (queue.depth, queue.alloc_hint, queue.ws[1]) == (136, (74, 36), WaitState(7, active=True))
    assert bytes.fromhex(queue.bitmap)[9] == 0x30
    assert len(bytes.fromhex(queue.bitmap)) == 17
    assert parse("sbitmapq -s x -a 1 2", "76: 0xc0000000671d5600\n").one() == SbitmapEntry(
        index=76, address=0xC0000000671D5600
    )
    long = "76 (0xc0000000671d5600):\nstruct iscsi_cmd {\n  a = 1,\n  ...\n  b = 0\n}\n"
    found = parse("sbitmapq -s iscsi_cmd -a 1 -v 2", long)
    assert (found.one().members, found.complete) == ({"a": 1, "b": 0}, False)
    with pytest.raises(ParseError):
        parse("sbitmapq 1", "depth = 136\nbusy = 4\n")


SBITMAP = (
    "depth = 12\nbusy = 0\nbits_per_word = 32\nmap_nr = 1\nalloc_hint = {7}\nwake_batch = 8\nwake_index = 0\n"
    "ws = {\n\t{ .wait_cnt = 8, .wait = inactive },\n}\nmin_shallow_depth = 1\n\n00000000: 0000\n"
)


def test_lines_that_a_sbitmap_lacks() -> None:
    assert parse("sbitmapq 1", SBITMAP).complete
    for line in ("alloc_hint = {7}\n", "wake_batch = 8\n", "min_shallow_depth = 1\n", "00000000: 0000\n"):
        answer = parse("sbitmapq 1", SBITMAP.replace(line, ""))
        assert [notice.kind for notice in answer.warnings] == ["partial"]
    with pytest.raises(ParseError, match="expected the line wake_batch = NUMBER or the line wake_index"):
        parse("sbitmapq 1", SBITMAP.replace("wake_batch", "wake_patch"))
    with pytest.raises(ParseError, match="a row of bits at 10 behind 0 bytes"):
        parse("sbitmapq 1", SBITMAP.replace("00000000:", "00000010:"))


def test_entries_of_a_sbitmap_and_what_stands_below_them() -> None:
    members = "1 (0xc0000000671d5600):\n  a = 1,\n  b = 2\n"
    assert [one.members for one in parse("sbitmapq -v -s x.a,b -a 1 2", members * 2)] == [
        {"a": 1, "b": 2}
    ] * 2
    with pytest.raises(ParseError, match="a member stands twice: a"):
        parse("sbitmapq -v -s x.a -a 1 2", members + "  a = 1\n")
    for text in ("1 (0xc0000000671d5600):\n", "1: 0xc0000000671d5600\n  a = 1\n"):
        assert [notice.kind for notice in parse("sbitmapq -s x -a 1 2", text).warnings] == ["missing"]


def test_rustfilt() -> None:
    assert parse("rustfilt x", "kernel::print::call_printk").one() == RustSymbol("kernel::print::call_printk")
    assert not parse("rustfilt x", "Not a rust symbol: \nx").complete


def test_help() -> None:
    pages = parse("help ascii", "\nNAME\n  ascii - translate\n\nSYNOPSIS\n  ascii value ...\n").records
    assert [(page.title, page.text) for page in pages] == [
        ("NAME", "  ascii - translate"),
        ("SYNOPSIS", "  ascii value ..."),
    ]
    screen = (
        "\n*    files    mod\nalias   quit\n\ncrash version: 8.0.2    gdb version: 10.2\nFor help on any\n"
    )
    listed = parse("help", screen)
    assert [one.name for one in listed] == ["*", "files", "mod", "alias", "quit"]
    table = "         flags: 12502600\n  (PER_CPU_OFF|SMP)\n          cpus: 2\n\nnode: 1\n"
    flags, cpus, node = parse("help -k", table).records
    assert (flags.key, flags.value, flags.more) == ("flags", "12502600", ("  (PER_CPU_OFF|SMP)",))
    assert (cpus.group, node.group) == (0, 1)
    assert not parse("help zzz", 'No help data for "zzz" is available.\n').complete
    with pytest.raises(ParseError):
        parse("help zzz", "PID: 1\n")


@each("help", "help_-*")
def test_every_line_of_a_table_is_kept(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    if found.shape == "table":
        kept = sum(1 + len(entry.more) for entry in found)
        assert kept == len([line for line in text.split("\n") if line.strip()])


def test_an_instruction_twice() -> None:
    row = "0xffffffff9ee9ae40 <schedule>:\tnopl   0x0(%rax,%rax,1)"
    assert len(parse("dis schedule 1", f"{row} [FTRACE NOP]\n")) == 1
    with pytest.raises(ParseError):
        parse("dis schedule 1", f"{row}\n{row} [FTRACE NOP]\n")


def test_rounds_of_what_is_no_command() -> None:
    for command in ("repeat no_such_command", "repeat -x ps"):
        with pytest.raises(ParseError):
            parse(command, "crash: command not found: no_such_command\n")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("help -k", "  flags: 1\n  cpus: 2          NR_CPUS: 3\n"),
        ("help -k", "  flags: 1\n  cp\n"),
        ("help -k", "  cpus: 2\n  (SMP)\n"),
        ("help -t", "   .processor: 1current: 0 [155]\n"),
        ("help ascii", "NAME\n  ascii - translate\n\nSYNOPSIS  ascii value ...\n"),
        ("help -z", "help options:\n -a - alias data -b - shared buffer data\n"),
    ],
)
def test_help_takes_no_two_entries_for_one(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


def test_help_tells_names_that_are_missing() -> None:
    screen = "alias   files   mod\nascii   {}\n\ncrash version: 9.0.2    gdb version: 16.3\n"
    assert parse("help", screen.format("foreach")).complete
    assert not parse("help", screen.format("")).complete


def test_help_t_has_names_that_hold_a_newline() -> None:
    text = (
        "INDEX       TASK       (COMM)\n[  0] ffff8cf4012e4200 (line\nbreak)\n[  1] ffff8cf401230000 (init)\n"
    )
    entry = parse("help -t", text).one()
    assert (entry.key, entry.more) == (
        None,
        ("[  0] ffff8cf4012e4200 (line", "break)", "[  1] ffff8cf401230000 (init)"),
    )


def test_ptov_takes_no_header_without_its_row() -> None:
    row = "VIRTUAL           PHYSICAL\nffff88800056e000  56e000\n\n"
    assert len(parse("ptov 56e000 56e000", row * 2)) == 2
    with pytest.raises(ParseError):
        parse("ptov 56e000 56e000", "VIRTUAL           PHYSICAL\n\n" + row)
