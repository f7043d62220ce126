"""What is no part of an output: crash's debug lines, its trace of itself, gdb's question about debuginfod."""

from __future__ import annotations

import random

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.session.failure import find_failure
from tests.parsers.effort import assert_linear, repeated
from tests.parsers.printed import header
from tests.parsers.recorded import cases, output

READ = '<readmem: ffff8880010203f0, KVADDR, "fd file", 8, (FOE), 7ffe1f00a628>\n'
KDUMP = "<read_kdump: addr: ffff8880010203f0 paddr: 10203f0 cnt: 8>\n"
SHOWN = "<addr: ffff8880010203f0 count: 2 flag: 490 (KVADDR)>\n"
BUFFER = "  GETBUF(336 -> 1)\n"
NETDUMP = "read_netdump: addr: ffff8880010203f0 paddr: 10203f0 cnt: 8 offset: 10216e0\n"
RATES = "     text hit rate: 87% (123 of 141)\n   dentry hit rate: 100% (7 of 7)\n"
PIECES = (READ, KDUMP, SHOWN, READ + KDUMP)
FILES = (
    header(1, 0xFFFF888001234200, 1, "init") + "ROOT: /    CWD: /\n"
    " FD       FILE            DENTRY           INODE       TYPE PATH\n"
    "  0 ffff8880075af9c0 ffff888001419e40 ffff888001a9a420 CHR  /dev/console\n"
)


def test_a_debug_line_breaks_into_a_line_of_data() -> None:
    plain = "ffffffff82010940:  0000000000004000 0000000000000000   .@..............\n"
    text = f"{SHOWN}{READ}{KDUMP}{plain[:36]}{READ}{KDUMP}{plain[36:]}{RATES}"
    answer = parse("rd init_task 2", text)
    assert answer.records == parse("rd init_task 2", plain).records
    assert (answer.complete, [note.kind for note in answer.warnings]) == (True, ["debug"])
    assert find_failure("rd init_task 2", text) is None
    assert find_failure("rd init_task 3", text) is not None


def test_whole_lines() -> None:
    text = FILES.replace("ROOT", f"{BUFFER}{NETDUMP}  FREEBUF(1)\nROOT") + RATES
    assert parse("files 1", text).records == parse("files 1", FILES).records
    said = (
        "p: per_cpu_symbol_search(jiffies): NULL\njiffies = GETBUF(344 -> 0)\n"
        + READ
        + "$3 = 42\nFREEBUF(0)\n"
    )
    assert parse("p jiffies", said).one() == parse("p jiffies", "jiffies = $3 = 42\n").one()
    assert find_failure("p jiffies", said) is None


@pytest.mark.parametrize("command", ["ps", "vm", "kmem", "struct", "net", "mod", "list"])
def test_debug_lines_anywhere(command: str) -> None:
    chance = random.Random(command)  # noqa: S311 - test data
    for case in cases(command)[:12]:
        line, text = output(case)
        plain = parse(line, text)
        rows = text.splitlines(keepends=True)
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(rows) + 1)
            rows.insert(place, chance.choice(PIECES))
        answer = parse(line, "".join(rows))
        assert (answer.records, answer.complete) == (plain.records, plain.complete), case


def test_lines_are_those_of_the_text_as_it_was() -> None:
    text = FILES.replace(" FD ", f"{READ}{KDUMP} FD ") + f"{READ}  1 damaged\n"
    with pytest.raises(ParseError) as failure:
        parse("files 1", text.replace("  1 damaged", "  1 ffff88800 ffff8880 x"))
    assert failure.value.line == 8
    message = "ps: cannot access user stack address: 7ffd2ae7bfa4\n"
    answer = parse("ps -a 1", f"{header(1, 0xFFFF888001234200, 1, 'init')}{READ}{message}")
    assert [note.line for note in answer.warnings] == [2, 3]


@pytest.mark.parametrize(
    "line",
    [
        READ.replace("readmem", "readmen"),
        READ.replace(", 8,", ", eight,"),
        SHOWN.replace(" flag", " flags"),
        "     text hit rate: 87 (123 of 141)\n",
        NETDUMP.replace("paddr: 10203f0", ""),
    ],
)
def test_what_only_looks_like_one(line: str) -> None:
    plain = "ffffffff82010940:  0000000000004000 0000000000000000   .@..............\n"
    with pytest.raises(ParseError):
        parse("rd init_task 2", line + plain)


def test_hit_rates_that_were_asked_for() -> None:
    entries = parse(
        "help -f", "     file hit rate: 99% (11335 of 11351)\n   dentry hit rate: 99% (42 of 43)\n"
    )
    assert len(entries) == 2


def test_crash_traces_itself_in_the_middle_of_an_answer() -> None:
    error = "\nps: invalid structure member offset: mm_struct_env_start\n"
    place = "    FILE: task.c  LINE: 4300  FUNCTION: show_task_args()\n"
    text = (
        f"{error}{place}\n[./crash] error trace: 8108500 => 8109600\n"
        f"{header(0, 0xC140AA80, 0, 'swapper/0')}ps: no user stack\n\n"
        f"{header(1, 0xEDA00000, 1, 'init')}\n  8109600: show_task_args+300\n  8108500: (undetermined)\n"
        f"{error}{place}"
    )
    answer = parse("ps -a", text)
    assert [(row.pid, row.problem) for row in answer] == [
        (0, "no user stack"),
        (1, "invalid structure member offset: mm_struct_env_start"),
    ]
    assert not answer.complete
    with pytest.raises(ParseError):  # an address that the trace doesn't name
        parse("ps -a", text.replace("  8109600:", "  8109601:"))


def test_crash_cannot_read_its_own_symbols() -> None:
    error = "sbitmapq: invalid structure member offset: sbq_wait_state_wait_cnt\n"
    place = "          FILE: sbitmap.c  LINE: 342  FUNCTION: sbitmap_queue_show()\n\n"
    fields = "depth = 64\nbusy = 1\ncleared = 8\nbits_per_word = 16\nmap_nr = 4\n\n"
    trace = "[/usr/bin/crash] error trace: 55d96282ff68 => 55d962982624\n"
    broken = "sbitmapq: invalid ELF file: /bin/crash\n/usr/bin/nm: /bin/crash: file format not recognized\n"
    answer = parse("sbitmapq ffff888001dee610", f"{fields}{error}{place}{trace}{broken}\n{error}{place}")
    assert (answer.one().depth, answer.one().busy, answer.complete) == (64, 1, False)


QUESTION = (
    "\nThis GDB supports auto-downloading debuginfo from the following URLs:\n"
    "  <https://debuginfod.example.org/>\n"
    "Enable debuginfod for this session? (y or [n]) [answered N; input not from terminal]\n"
)
ANSWERED = (
    "Debuginfod has been disabled.\n"
    "To make this setting permanent, add 'set debuginfod enabled off' to .gdbinit.\n"
)


@pytest.mark.parametrize("question", [QUESTION, QUESTION + ANSWERED, QUESTION.split(">\n")[1] + ANSWERED])
def test_a_question_before_the_source(question: str) -> None:
    source = "FILE: kernel/panic.c\nLINE: 2\n\n  1 \n* 2 void panic(void)\n  3 {\n"
    answer = parse("dis -s panic", question + source)
    assert answer.records == parse("dis -s panic", source).records
    assert [note.kind for note in answer.warnings] == ["gdb"]


@pytest.mark.parametrize(
    ("unit", "tail", "size"),
    [
        ("<readmem: ", "", 2_000_000),
        (" ", "GETBUF(", 2_000_000),
        ("] error trace: ", "", 1_500_000),
        (READ, "", 20_000 * len(READ)),
    ],
)
def test_long_lines_take_no_longer(unit: str, tail: str, size: int) -> None:
    """A pattern that tries again and again takes hours."""

    def read(text: str) -> None:
        with pytest.raises(ParseError):
            parse("swap", text)

    assert_linear(read, repeated("", unit, f"{tail}\n"), size)
