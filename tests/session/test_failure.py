"""Telling success from failure: what three versions of crash printed, and what only looks like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crashdrive.session.failure import Judgement, find_failure, judge
from crashdrive.session.result import CommandResult, Failure
from tests.groups import grouped

RECORDED = sorted(Path(__file__).with_name("recorded").glob("*.jsonl"))
CASES = [(path.stem, case) for path in RECORDED for case in map(json.loads, path.read_text().splitlines())]


def kind(command: str, text: str) -> str | None:
    failure = find_failure(command, text)
    return failure.kind if failure else None


def test_three_versions_are_recorded() -> None:
    assert [path.stem for path in RECORDED] == ["8.0.2", "8.0.6", "9.0.2"]


@grouped(CASES, group=lambda recorded: recorded[0], name=lambda recorded: ascii(recorded[1]["command"]))
def test_recorded(recorded: tuple[str, dict[str, Any]]) -> None:
    _, case = recorded
    failure = judge(case["command"], case["output"].encode()).failure
    assert (failure.kind if failure else None) == case["kind"]
    if failure is not None and failure.kind not in {"silent", "usage", "memory"}:
        assert failure.message in case["output"]


ROW = "      1       0   1  ffff888003a54000  IN   0.0    1234      567  {}\n"
LOOK_ALIKES = [
    ("ps", ROW.format("ps: foo")),
    ("ps", ROW.format("bt: x")),
    ("ps", ROW.format("symbol not fou")),
    ("ps -a", 'PID: 1  TASK: ffff888003a54000  CPU: 0  COMMAND: "init"\nARG: ps: no such\n'),
    (
        "foreach bt",
        'PID: 1  TASK: ffff888003a54000  CPU: 0    COMMAND: "bt: failed"\n #0 [ffff] schedule at ffff\n',
    ),
    ("log", '[    0.000000] x\nbt: failed\nrd: seek error: kernel virtual address: 0  type: "x"\nUsage:\n'),
    ("log", "[    0.000000] x\nlog: invalid option -- 'Z'\n"),
    ("log -t", "x\n   <segmentation violation in gdb>\n"),
    ("dmesg", "x\nsymbol not found: y\np: gdb request failed: p x\n"),
    (
        "struct foo ffff888003a54000",
        'struct foo {\n  comm = "symbol not found: x",\n  a = "rd: seek error"\n}\n',
    ),
    (
        "struct foo",
        'struct foo {\n  s = "struct: seek error: kernel virtual address: 0  type: \\"x\\"",\n}\n',
    ),
    ("p x", '$1 = "p: gdb request failed: p x"\n'),
    ("p x", '$1 = "a b: gdb request failed: p x"\n'),
    ("p x", '$1 = "   <segmentation violation in gdb>"\n'),
    ("p x", '$1 = "invalid structure member offset: x"\n'),
    ("rd ffff888003a54000", "ffff888003a54000:  0000000000000000                    rd: x...\n"),
    ("rd ffff888003a54000 2", "ffff888003a54000:  0000000000000000 0000000000000001   ................\n"),
    ("rd -32 c0001000 3", "        c0001000:  00000000 00000000 00000000               ............\n"),
    ("rd -r FIFO ffff888003a54000 8", "8 bytes copied from 0xffff888003a54000 to FIFO\n"),
    ("rd ffff888003a54000 | wc", ""),
    ("rd ffff888003a54000 4 > file", ""),
    ("rd -a ffff888003a54000 16", "\n"),
    ("sym -l", "ffffffff81000000 (T) symbol_not_found\n"),
    ("sys -c 1", "NUM  SYSTEM CALL  FILE\n  1  sys_write  ../fs/read_write.c: 1\n"),
    ("net", "   NET_DEVICE     NAME       IP ADDRESS(ES)\nffff888003a54000  net: x\n"),
    (
        "files",
        'PID: 1  TASK: ffff888003a54000  CPU: 0  COMMAND: "x"\nROOT: /    CWD: /\n 3 ffff REG  /files: x\n',
    ),
    (
        "mount",
        "     MOUNT           SUPERBLK     TYPE   DIRNAME\nffff888003a54000 ffff tmpfs mount: x /\n",
    ),
    ("bt", "bt: WARNING: possibly bogus exception frame\n #0 [ffff] x at ffff\n"),
    ("bt", "WARNING: cannot determine starting stack frame for task\n"),
    ("!ls", "ls: cannot access 'x': No such file or directory\n"),
    (
        "gdb info line x",
        'No line number information available for address 0x1 <"gdb: gdb request failed: x\n',
    ),
]


@pytest.mark.parametrize(("command", "text"), LOOK_ALIKES)
def test_look_alikes(command: str, text: str) -> None:
    assert find_failure(command, text) is None


PLACE = "     FILE: kernel.c  LINE: 3609  FUNCTION: module_init()"
MISSED = [
    ("rd ffff888003a54000 3", "ffff888003a54000:  0000000000000000 0000000000000000   ........\n", "memory"),
    ("rd -8 ffff888003a54000 0x10", "ffff888003a54000:  00 00 00 00                       ....\n", "memory"),
    ("rd -s ffff888003a54000 2", "ffff888003a54000:  init_task+12 \n", "memory"),
    ("rd -d ffff888003a54000 2", "ffff888003a54000:                0 \n", "memory"),
    ("rd ffff888003a54000", "", "silent"),
    ("ps -m UN", "", "silent"),
    ("rd -r FIFO ffff888003a54000 8", "", "silent"),
    ("struct task_struct ffff888003a54000", "", "silent"),
    ("bt", 'PID: 1\n #0 [ffff] x\nbt: page excluded: kernel virtual address: 0  type: "x"\n', "memory"),
    ("dis x", '0xff:\tdis: seek error: kernel virtual address: f  type: "gdb_readmem_callback"\n', "memory"),
    ("mod", f"\nmod: invalid structure member offset: module_num_gpl_syms\n{PLACE}\n\n", "offset"),
    ("p x", "$1 = {\n  a = 1, \n   <segmentation violation in gdb>\n\n", "gdb-crashed"),
    ("log", "[    0.000000] x\n   <segmentation violation>\n\n", "gdb-crashed"),
    ("repeat -1 ps 9", "ps: invalid task or pid value: 9\n\n", "message"),
    ("foreach files", "PID: 1\nfiles: cannot resolve x\n", "message"),
    ("bt", "crash: bt: command not available in minimal mode\nNOTE: minimal mode commands: log\n", "minimal"),
    ("*nosuch", "*: invalid data structure reference: nosuch\n", "message"),
    ("nosuch 1", "struct: invalid kernel virtual address: 1\n", "memory"),
    ("log", f"log: invalid structure member offset: printk_info_seq\n{PLACE}\n", "message"),
    ("ps < file", "ps: invalid option -- 'Z'\nUsage:\n  ps [x]\nEnter \"help ps\" for details.\n", "option"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "text", "expected"), MISSED)
def test_failures(command: str, text: str, expected: str) -> None:
    assert kind(command, text) == expected


def test_long_outputs_are_judged_by_their_ends() -> None:
    rows = ROW.format("x") * 10_000
    assert judge("ps", rows.encode()) == Judgement(None)
    assert judge("ps", f"{rows}ps: invalid task\n".encode()).failure is not None
    assert judge("ps", f"ps: invalid task\n{rows}".encode()).failure is not None
    words = b"ffff888003a54000:  0000000000000000 \n" * 9999
    assert judge("rd ffff888003a54000 9999999", words).failure is None


def test_speed_is_bounded_on_hostile_text() -> None:
    for piece in ("a: ", "* ", '"', "rd: ", "\n", "invalid ", "x" * 79 + " "):
        judge("p x", (piece * 100_000).encode())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ps -m UN", "ps found no task in state UN"),
        ("ps -m UN ZO", "ps found no task in state UN or ZO"),
        ("ps -y RR", "ps found no task of those that were asked for"),
        ("ps -m", "ps printed nothing; the memory may be excluded from the dump"),
    ],
)
def test_a_choice_of_tasks_that_none_fits_blames_no_memory(command: str, said: str) -> None:
    failure = find_failure(command, "")
    assert failure is not None
    assert failure.message == said


def test_a_result_is_shown_as_what_crash_printed() -> None:
    result = CommandResult(command="log", raw=b"a\tb\n\x1b[31m\xff\n", elapsed=0.25)
    assert str(result) == "a\tb\n\\x1b[31m\\xff\n"
    assert repr(result) == "<'log': 11 bytes in 0.250 s>"
    failure = Failure(kind="message", message="log: \x1b[no")
    failed = CommandResult(command="log", raw=b"", elapsed=0, failure=failure)
    assert repr(failed) == "<'log': 0 bytes in 0.000 s, failed: 'log: \\x1b[no'>"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("bt -O", "bt: use old bt method by default\n"),
        ("bt -O 1", "bt: use new bt method by default\n"),
        ("mod -D", ""),
        ("mod -d virtio_blk", ""),
    ],
)
def test_what_was_done_without_more_words_is_no_failure(command: str, text: str) -> None:
    assert find_failure(command, text) is None


def test_words_behind_those_of_a_setting_are_a_failure() -> None:
    assert kind("bt -O", "bt: use old bt method by defaultx\n") == "message"
