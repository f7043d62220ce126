"""What lenient mode sets aside may have been what the rows below belong to: they are told of none."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.base import MOST_NOTICES

DIS = """\
/usr/src/linux/kernel/panic.c: 276
0xffffffff9e2c4eb0 <panic>:     push   %rbp
/usr/src/linux/kernel/panic.c 277
0xffffffff9e2c4eb1 <panic+1>:   nop
/usr/src/linux/kernel/panic.c: 278
0xffffffff9e2c4eb2 <panic+2>:   nop
"""
STACKS = """\
PID: 1      TASK: ffff8904411fc180  CPU: 1    COMMAND: "init"
ffffffff82203e58: 000000000000abcd
PID: 2      TASK: ffff8904411fc1
ffffffff82203e60: 000000000000abcd
PID: 3      TASK: ffff8904411fc200  CPU: 1    COMMAND: "sh"
ffffffff82203e68: 000000000000abcd
"""


def test_instructions_below_a_damaged_line_of_source_have_none() -> None:
    answer = parse("dis -l panic 3", DIS, lenient=True)
    assert not answer.complete
    assert [one.line for one in answer.records] == [276, None, 278]


def test_matches_below_a_damaged_task_aren_t_those_of_the_one_above() -> None:
    answer = parse("search -t abcd", STACKS, lenient=True)
    assert not answer.complete
    assert [one.pid for one in answer.records] == [1, 3]


MOUNTS = """\
     MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME
ffff8c3b103648c0 ffff8c3b028f5000 proc   proc      /proc
"""
QUEUES = """\
MSG_QUEUE        KEY      MSQID      UID   PERMS USED-BYTES   MESSAGES
ffff8c3b10004300 00002345 0          0     620   10           2

"""
TASK = 'PID: 1      TASK: ffff8904411fc180  CPU: 1    COMMAND: "init"\n'
PAGES = "VIRTUAL     PHYSICAL\nc0000000    (not accessible)\n\n"


@pytest.mark.parametrize(
    ("command", "head", "tail", "records"),
    [
        ("mount", MOUNTS, MOUNTS, 2),
        ("mount", "", MOUNTS, 1),
        ("ipcs", QUEUES, QUEUES, 2),
        ("net -a", "", "", 0),
    ],
)
def test_so_many_lines_are_told_the_others_counted(command: str, head: str, tail: str, records: int) -> None:
    """Each of ten megabytes of such lines would cost a notice, at a hundred times its memory."""
    lines = 3 * MOST_NOTICES
    answer = parse(command, head + "?\n" * lines + tail, lenient=True)
    *told, last = answer.warnings
    assert len(answer.records) == records
    assert not answer.complete
    assert len(told) == MOST_NOTICES
    assert {notice.text for notice in told} == {"?"}
    assert last.message == f"{lines - MOST_NOTICES} more lines were set aside"


def test_lines_that_were_tried_and_given_up_are_not_counted() -> None:
    """An alternative that failed behind many lines leaves none of them."""
    answer = parse("ipcs", QUEUES + "?\n" * MOST_NOTICES + QUEUES, lenient=True)
    assert len(answer.warnings) == MOST_NOTICES


def test_lines_of_all_parts_of_an_answer_are_counted_together() -> None:
    tasks = MOST_NOTICES + 5
    answer = parse("foreach vtop c0000000", f"{TASK}{PAGES}?\n" * tasks, lenient=True)
    assert (len(answer.records), len(answer.warnings)) == (tasks, MOST_NOTICES + 1)
    assert answer.warnings[-1].message == "5 more lines were set aside"


def test_a_nul_marks_what_is_kept() -> None:
    """crash never prints one: something between changed the text, whatever the grammar makes of it."""
    for command, text in (("log", "[    0.000000] a\0b\n"), ("gdb info line panic", "a\0b\n")):
        with pytest.raises(ParseError, match="a NUL"):
            parse(command, text)
        answer = parse(command, text, lenient=True)
        assert not answer.complete
        assert [(note.kind, note.line) for note in answer.warnings] == [("unparsed", 1)]
