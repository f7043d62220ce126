"""A newline that was lost: the row above takes none of the row below without a word."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse

FILES = (
    'PID: 720    TASK: c67f2000  CPU: 1   COMMAND: "innd"\nROOT: /    CWD: /var/spool/news\n'
    " FD    FILE     DENTRY    INODE    TYPE  PATH\n"
    "  0  c6b9c740  c7cc45a0  c7c939e0  CHR   /dev/null\n"
    "  1  c6b9c741  c7cc45a1  c7c939e1  CHR   /dev/tty\n"
)


@pytest.mark.parametrize(
    ("command", "text", "rest"),
    [
        (
            "mod",
            (
                "     MODULE       NAME    BASE          SIZE  OBJECT FILE\n"
                "ffffffffc0610140  garp  ffffffffc060d000  16384  (not loaded)  [CONFIG_KALLSYMS]"
            ),
            "ffffffffc0710040  mrp  ffffffffc070d000  16384  (not loaded)  [CONFIG_KALLSYMS]\n",
        ),
        (
            "mod -s garp",
            (
                "     MODULE       NAME    BASE          SIZE  OBJECT FILE\n"
                "ffffffffc0610140  garp  ffffffffc060d000  16384  /lib/garp.ko"
            ),
            "ffffffffc0710040  mrp  ffffffffc070d000  16384  /lib/mrp.ko\n",
        ),
        (
            "irq",
            (
                " IRQ   IRQ_DESC/_DATA      IRQACTION      NAME\n"
                '  4   ffff8a3ee3a14400  ffff8a3ee3b2c300  "ttyS0"'
            ),
            '  8   ffff8a3ee3a14c00  ffff8a3ee3b2c380  "rtc0"\n',
        ),
        (
            "irq -a",
            "IRQ NAME                 AFFINITY\n  4 ttyS0                0-1",
            "  8 rtc0           0-1\n",
        ),
        (
            "irq -s",
            "           CPU0\n  4:        40  IO-APIC-edge     ttyS0",
            "  8:         1  IO-APIC-edge  rtc0\n",
        ),
        (
            "dev",
            (
                "CHRDEV    NAME                 CDEV        OPERATIONS\n"
                "   4      tty            ffff8c3b10367800  tty_fops"
            ),
            "   5      /dev/tty       ffffffff9fffad00  tty_fops\n",
        ),
        (
            "dev -i",
            "    RESOURCE        RANGE    NAME\nffffffff9f64fca0  0000-ffff  PCI IO",
            "ffff8c3b013cad40  0000-0cf7  PCI Bus 0000:00\n",
        ),
    ],
)
def test_two_rows_in_one_line_are_an_error(command: str, text: str, rest: str) -> None:
    assert len(parse(command, f"{text}\n{rest}")) == 2
    for newline in ("", " "):
        with pytest.raises(ParseError):
            parse(command, f"{text}{newline}{rest}")


@pytest.mark.parametrize("newline", ["", " "])
def test_a_path_that_holds_a_row_is_marked(newline: str) -> None:
    whole = parse("files 720", FILES)
    assert (len(whole.one().files), whole.complete) == (2, True)
    joined = parse("files 720", FILES.replace("/dev/null\n", f"/dev/null{newline}"))
    assert (len(joined.one().files), joined.complete) == (1, False)
    assert [notice.kind for notice in joined.warnings] == ["joined"]


def test_a_descriptor_out_of_order_is_an_error_in_its_line() -> None:
    with pytest.raises(ParseError, match="fd 1 is followed by 1") as caught:
        parse("files 720", FILES + FILES.splitlines(keepends=True)[-1])
    assert caught.value.line == 6
    answer = parse("files 720", FILES + FILES.splitlines(keepends=True)[-1], lenient=True)
    assert (len(answer.one().files), answer.complete) == (2, False)


@pytest.mark.parametrize(
    ("command", "line", "below"),
    [
        (
            "gdb x/4gx init_task",
            "0xffffffff9f61aa40 <init_task>:\t0x4000\t0x0",
            "0xffffffff9f61aa50 <a+16>:\t0x0",
        ),
        ("gdb disassemble panic", "=> 0xffffffff9e5ccf31 <panic+0>:\tpush   %rbp", "End of assembler dump."),
        (
            "gdb info scope schedule",
            "Symbol tsk is a variable in $rbx, length 8.",
            "Symbol prev is optimized out.",
        ),
        (
            "gdb info scope schedule",
            "  Range 0x1-0x2: a variable in $rdi",
            "  Range 0x3-0x4: a variable in $rbx",
        ),
        ("gdb help", "data -- Examining data.", "files -- Specifying and examining files."),
    ],
)
def test_what_gdb_prints_in_lines_is_marked_where_two_are_one(command: str, line: str, below: str) -> None:
    assert parse(command, f"{line}\n{below}\n").complete
    for between in ("", " "):
        answer = parse(command, f"{line}{between}{below}\n")
        assert not answer.complete
        assert [notice.kind for notice in answer.warnings] == ["joined"]


@pytest.mark.parametrize("between", ["", " "])
def test_an_alias_of_help_takes_no_line(between: str) -> None:
    head = "alias_head.next: 55555c12e0b0\n\n      next: 55555c12e0b0\n"
    text = f"{head}     alias: quit{between}      size: 853\n"
    with pytest.raises(ParseError):
        parse("help -a", text)


@pytest.mark.parametrize(
    "text",
    [
        "  argcnt: 2\n args[0]: 55558: set    args[1]: 55559: scroll\n",
        "  proc_version: Linux version 6.12 #1 SMP   new_utsname: \n       .sysname: Linux\n",
        '      panicmsg: "Kernel panic - not syncing: sysrq"   panic_processor: 1\n',
        "    reqs/total: 1708/9896668  average size: 5794\n",
    ],
)
def test_a_text_of_help_takes_no_line(text: str) -> None:
    with pytest.raises(ParseError):
        parse("help -k", text)
