"""What lenient mode sets aside may have been what the rows below belong to: they are told of none."""

from __future__ import annotations

from crashdrive.parsers import parse

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
