"""Hostile texts for the parsers of types, values, memory and the small commands: errors, and soon."""

from __future__ import annotations

import contextlib
import functools
import random
from pathlib import Path

import pytest
from damagecases import Case, load, sample_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from tests.groups import grouped
from tests.parsers.effort import assert_linear, repeated

COMMANDS = (
    "struct task_struct",
    "struct task_struct ffff888000000000",
    "struct task_struct.pid,comm ffff888000000000",
    "struct x -p ffff888000000000",
    "p init_task",
    "whatis x",
    "whatis -r 3",
    "sym -l",
    "sym -s x",
    "list x -h ffff888000000000",
    "list x -S a.b -h ffff888000000000",
    "tree -t maple -v x",
    "rd ffff888000000000 4",
    "rd -a x",
    "rd -s x",
    "rd -d x",
    "set",
    "set -v",
    "gdb ptype/o struct x",
    "gdb p x",
    "search -t 1",
    "search -x 2 1",
    "search -c x",
    "eval 1",
    "btop 1",
    "ptov 1",
    "pte 1",
    "vtop 1",
    "ascii 1",
    "dis -l panic",
    "dis -s panic",
    "extend",
    "alias",
    "repeat p x",
    "help",
    "help -k",
    "sbitmapq 1",
    "rustfilt x",
)
HEADS = (
    "",
    "ffff888000000000:  ",
    "struct x {\n  a = ",
    "  pid = ",
    "$1 = ",
    'ffff888000000000\n  b = "',
    "type = struct x {\n",
    "struct task_struct {\n    ",
    "/* offset | size */  type = struct x {\n/*  0 | 8 */ ",
    'PID: 1\nCOMMAND: "',
    "FILE: x\nLINE: 1\n\n",
    "0xffff888000000000 <x>:\t",
    "NAME\n",
)
UNITS = (
    "  ",
    "[",
    "/a",
    "=",
    "|",
    "a",
    "0",
    " ",
    "x ",
    "(",
    "{",
    "1 ",
    "<a",
    '"',
    "ab::",
    "a, ",
    ": ",
    "'",
    "f ",
    " *a",
    "-",
    "\0",
    "\t",
    "\r",
)


# Texts with which a pattern once ran away, in quadratic time or worse; "#" is where it was fed.
WORST = (
    ("dis -r panic+40", "0xffffffff9e2c4dd7 <panic+23>:\tsub    $0x50,#%rsp\n"),
    ("irq -u", " IRQ   IRQ_DESC/_DATA      IRQACTION      NAME\n  7   ffff888001158000      (unused)#x\n"),
    ("mach", "          MACHINE TYPE: x86_64#x\n"),
    ("mach", "                  HYPERVISOR: a#:\n"),
    ("set namelist", "namelist: /usr/lib/debug/vmlinux#x\n"),
    ("set -p", '    PID: 1\nCOMMAND: "a"\n   TASK: 1# (1 of 2)#[THREAD_INFO: 1]#x\n    CPU: 1\n  STATE: a\n'),
    ("set -p", '    PID: 1\nCOMMAND: "a"\n   TASK: 1\n    CPU: 1\n  STATE: TASK_RUNNING# (PANIC)#x\n'),
)


_TASK = 'PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"\n'

# (command, text, unit, text): a run of the unit once took quadratic time, or another exception came out.
RUNS = (
    ("sig -s 0", "", "\n", "x\n"),
    ("sym -q x", "", "  (none found)\n", ""),
    ("mod -t", "", "a: 0\n", "NAME     TAINTS\ncrashme  OE\n"),
    ("ptov 1", "", "a\n", ""),
    ("ptov 1", "x\n", "WARNING: a\n", "x\n"),
    ("ptov 1", "", "WARNING: a\n", "x\n"),
    ("whatis x", "int a[", "0", "];\n"),
    ("log -d", "[    0.000000] a\n", "               b\n", ""),
    ("bt", _TASK, "\n", "x\n"),
    ("bt", _TASK, "bt: a\n", "x\n"),
    ("bt", f"{_TASK} #0 [ffffcdfe80013c10] __schedule at ffffffffac86c62f\n", "\n", "x\n"),
    ("kmem -s x", "CACHE  OBJSIZE  ", "a: 0\n", "ALLOCATED     TOTAL  SLABS  SSIZE  NAME\n"),
    ("kmem -n", "x\n", "WARNING: a\n", "1\n\nNR  SECTION  CODED_MEM_MAP  MEM_MAP  STATE PFN\n"),
    ("help -k", "date: Sun", "f", " 07:19:18: 1\n"),
    ("help -k", "date: Sun", " ", "07:19:18: 1\n"),
    ("struct x -p 1", "struct x {\n", "  {\n    a = 2\n  },\nstruct y {\n", ""),
)


# What a character of a run takes where it is more than in others: short lines, each of which is set aside.
CALLS_IN_RUNS = {
    ("ptov 1", "a\n"): 60,
    ("ptov 1", "WARNING: a\n"): 20,
    ("bt", "bt: a\n"): 60,
    ("kmem -s x", "a: 0\n"): 40,
    ("kmem -n", "WARNING: a\n"): 30,
    ("struct x -p 1", "  {\n    a = 2\n  },\nstruct y {\n"): 20,
}


@pytest.mark.parametrize(("command", "head", "unit", "tail"), RUNS, ids=lambda text: text[:20])
def test_a_run_that_once_took_quadratic_time(command: str, head: str, unit: str, tail: str) -> None:
    """At 1 MB/s these take 0.2 seconds; they took 40."""
    made = repeated(head, unit, tail)
    calls = CALLS_IN_RUNS.get((command, unit), 12)
    assert_linear(functools.partial(read, command), made, 100_000, calls=calls)
    assert_linear(functools.partial(parse, command, lenient=True), made, 100_000, calls=calls)


def read(command: str, text: str, *, lenient: bool = False) -> None:
    """To be refused, or to be read."""
    with contextlib.suppress(ParseError):
        parse(command, text, lenient=lenient)


@given(
    st.sampled_from(COMMANDS),
    st.sampled_from(HEADS),
    st.sampled_from(UNITS),
    st.sampled_from(("", "\n", "}\n")),
)
@settings(max_examples=400, deadline=None)
def test_time_grows_with_the_text_alone(command: str, head: str, unit: str, tail: str) -> None:
    """A line of 100 kB takes a few milliseconds; a pattern that runs away takes minutes."""
    assert_linear(functools.partial(read, command), repeated(head, unit, tail), 100_000, calls=20)


@pytest.mark.parametrize("command", COMMANDS)
def test_ten_megabytes_in_a_line(command: str) -> None:
    assert_linear(functools.partial(read, command), repeated("", "a", "\n"), 10_000_000)


@given(st.sampled_from(COMMANDS), st.text(max_size=300))
def test_no_text_does_more_than_fail(command: str, text: str) -> None:
    read(command, text)


@given(st.sampled_from(COMMANDS), st.text(alphabet="0123456789abcdef:(){}<>=,;. \n\"'x[]*/", max_size=300))
def test_lenient_never_fails(command: str, text: str) -> None:
    answer = parse(command, text, lenient=True)
    assert answer.records or answer.warnings or not text.strip() or answer.complete


@pytest.mark.parametrize(("command", "text"), WORST, ids=lambda text: text[:20])
def test_what_once_ran_away(command: str, text: str) -> None:
    """At 10 MB/s these take 20 milliseconds; they took minutes."""
    assert_linear(functools.partial(read, command), lambda size: text.replace("#", " " * size), 100_000)


def test_many_lines_that_crash_cut_short_above_a_page() -> None:
    """Each of them searched all of those below it: 9 seconds for 2,000."""
    tail = "      PAGE        flags\nfffff197407c0900  000fffffc0000000\n"
    assert_linear(functools.partial(read, "kmem -m flags"), repeated("", "...\n", tail), 40_000)


def test_many_lines_that_crash_cut_short_above_a_match_with_memory() -> None:
    """The same in ``search -x``: 7 seconds for 2,000."""
    made = repeated("", "...\n", "ffffffff8221b940:  ffffffff8221b940 (init_task)\n\n")
    assert_linear(functools.partial(read, "search -x 2 -k ffffffff8221b940"), made, 40_000)


@pytest.mark.parametrize(
    "above", ["", "ffffffff8221b930:  0000000000000000 0000000000000000   ................\n"]
)
def test_many_messages_of_crash_above_no_match(above: str) -> None:
    """In ``search -x``: 7 seconds for 1,600."""
    made = repeated(above, "WARNING: a\n")
    assert_linear(functools.partial(read, "search -x 2 -k ffffffff8221b940"), made, 110_000)


def test_many_rows_of_memory_without_a_match() -> None:
    """Lenient mode set them aside one by one, and each read all below it: 4.4 seconds for 1,200."""
    row = "ffffffff8221b930:  0000000000000000 0000000000000000   ................\n"
    lenient = functools.partial(parse, "search -x 2 -k ffffffff8221b940", lenient=True)
    assert not lenient(row * 10_000).complete
    assert_linear(lenient, repeated("", row), len(row) * 10_000)


@grouped(sample_paths(), group=lambda path: path.parent.name, name=lambda path: path.stem)
def test_a_run_of_one_thing_inside_a_line(path: Path) -> None:
    """One run of each recorded output a time: 60 kB of something, somewhere in a line, strict and lenient."""
    case = load(path)
    assert isinstance(case, Case)
    chance = random.Random(case.name)  # noqa: S311 - the same in each run
    lines = case.text.split("\n")
    place = chance.choice([number for number, line in enumerate(lines) if line.strip()])
    column = chance.choice((len(lines[place]), chance.randrange(len(lines[place]) + 1)))
    unit = chance.choice(UNITS)
    made = repeated(
        "\n".join([*lines[:place], lines[place][:column]]),
        unit,
        "\n".join([lines[place][column:], *lines[place + 1 :]]),
    )
    for lenient in (False, True):
        assert_linear(functools.partial(read, case.line, lenient=lenient), made, 60_000)


def test_messages_above_a_header_that_is_refused() -> None:
    """They were all looked at again for each of them that lenient mode set aside."""
    made = repeated("      PAGE       PHYSICAL      MAPPING\n", "WARNING: a\n", "       INDEX CNT FLAGS\n")
    lenient = functools.partial(parse, "kmem -p ffff8c3b1f024180", lenient=True)
    assert not lenient(made(33_000)).complete
    assert_linear(lenient, made, 33_000)
