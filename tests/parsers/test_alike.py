"""What a parser takes of another command's recorded output, and why: alike.toml has a line for each.

All pairs are more than 300,000: `scripts/damage --cross` tries them, this a sample by chance: the same in
each run, but others in CI, or by CRASHDRIVE_FAULTS_SEED.
"""

from __future__ import annotations

import random

import damagecross
import pytest
from faultkit import SEED

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from tests.groups import grouped

PAIRS = 2000


def test_what_is_taken_of_another_command_is_explained() -> None:
    chance = random.Random(f"alike/{SEED}")  # noqa: S311 - the same in each run
    commands = sorted({case.command for case in damagecross.every()})
    every = [pair for command in commands for pair in damagecross.pairs(command)]
    taken = [damagecross.taken(line, case) for line, case in chance.sample(every, PAIRS)]
    open_ = [one for one in taken if one and not damagecross.is_explained(one.line, one.case)]
    assert not open_, f"CRASHDRIVE_FAULTS_SEED={SEED}; `scripts/damage --cross` tries all"


@grouped(damagecross.alike(), group=lambda _: "lines", name=str)
def test_each_line_explains_a_pair(row: damagecross.Alike) -> None:
    lines = {case.line: case.command for case in damagecross.every() if row.takes_by(case.line)}
    given = [case for case in damagecross.every() if row.given_by(case.name)]
    assert row.why
    assert any(
        command != case.command and damagecross.taken(line, case)
        for case in sorted(given, key=lambda case: len(case.text))
        for line, command in lines.items()
    )


@pytest.mark.parametrize(
    ("line", "case", "explained"),
    [
        ("gdb help", "9.0.2/6.1/ps/ps", True),
        ("gdb p jiffies", "9.0.2/6.1/ps/ps", False),
        ("bt -a", "9.0.2/6.1/foreach/foreach_bt@kdump", True),
        ("bt -a", "9.0.2/6.1/ps/ps", False),
    ],
)
def test_a_pattern_is_of_the_line_and_of_the_case(line: str, case: str, explained: bool) -> None:  # noqa: FBT001 # a column
    assert damagecross.is_explained(line, case) == explained


HEAD = 'PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"\n'
LIST = "struct list_head {\n    struct list_head *next;\n    struct list_head *prev;\n}\nSIZE: 16\n"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("ps -S", "SIZE: 4\n"),
        ("help -z", "SIZE: 4\n"),
        ("search -s ffffffffbc41aa40 -l 4096 -m ffff ffffffffbc41aa40", "512a000: 512a\n"),
        ("gdb ptype int", "$1 = 5\n"),
        ("gdb whatis jiffies", "$1 = 5\n"),
        ("whatis -r 192", LIST),
        ("struct dentry ffff8ea5414eb900", LIST),
        ("struct dentry ffff8ea5414eb900", "type = int\n"),
        ("vtop ffff8c3b1f024180", "VIRTUAL           PHYSICAL        \nffff8c3b0056e000  56e000          \n"),
        ("vm -v", f"{HEAD}struct task_struct {{\n  pid = 1,\n}}\n\n"),
        ("vm -m", f"{HEAD}struct vm_area_struct {{\n  vm_start = 1,\n}}\n\n"),
    ],
)
def test_what_was_taken_of_another_command(line: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(line, text)


def test_translations_are_those_of_the_addresses_that_were_asked_for() -> None:
    first, second = (f"VIRTUAL     PHYSICAL\n{place}      (not mapped)\n\n" for place in (400000, 500000))
    assert parse("vtop 400000 500000", f"{first}\n{second}").complete
    assert not parse("vtop 400000 500000", first).complete
    lenient = parse("vtop 400000 600000", f"{first}\n{second}", lenient=True)
    assert [one.virtual for one in lenient] == [0x400000]
    assert not lenient.complete


def test_a_table_of_help_without_what_it_surely_has_is_marked() -> None:
    rows = "ffffffff8221b930:  0000000000000000 0000000000000000   ................\n"
    assert not parse("help -t", rows).complete
    assert not parse("help -k", "  cpus: 2\n").complete
    assert parse("help -k", "  flags: 1\n  cpus: 2\n").complete
    assert parse("help -k | grep cpus", "  cpus: 2\n").complete


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("help -o task_struct", "               task_struct_pid: 2456\n"),
        ("help -k -p", "         flags: 1\n          cpus: 2\n"),
        ("help -n", "vmware_guestdump:\n    Header: version=4 num_vcpus=2\nTotal memory: 1024\n"),
    ],
)
def test_what_a_table_of_help_need_not_have(line: str, text: str) -> None:
    """Members by a part of their names; the second of two options; another kind of dump."""
    assert parse(line, text).complete


def test_a_value_under_a_mask_is_one_that_was_searched_for() -> None:
    line = "search -s ffffffffbc41aa40 -l 4096 -m ffff ffffffffbc41aa40"
    assert parse(line, "ffffffffbc41aa90: ffffffffbc410001\n").one().value == 0xFFFFFFFFBC410001
