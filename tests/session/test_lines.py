"""What a command line is to the session, and what may stand on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ArgumentError
from crashdrive.session import arguments
from crashdrive.session.lines import Context, groups, may_break_off

NONE: frozenset[str] = frozenset()


def context(*commands: str) -> list[str]:
    noted = Context()
    for command in commands:
        noted.note(command)
    return noted.commands()


@pytest.mark.parametrize(
    ("commands", "kept"),
    [
        (["set 1", "set 2"], ["set 2"]),
        (["set ffff888003a54000", "set -p"], ["set -p"]),
        (["set -c 1", "set -v", "set", "set radix"], ["set -c 1"]),
        (["hex", "dec", "set radix 16"], ["set radix 16"]),
        (["set hex", "px 1"], ["set hex"]),
        (["mod -s a", "mod -s b", "mod", "mod -s a"], ["mod -s b", "mod -s a"]),
        (["extend x.so", "alias a b", "ps", "\\set 3"], ["extend x.so", "alias a b", "\\set 3"]),
        (["gdb set print pretty off", "gdb p 1"], ["gdb set print pretty off"]),
        (["set scope x", "set 1", "set scope y"], ["set 1", "set scope y"]),
    ],
)
def test_context(commands: list[str], kept: list[str]) -> None:
    assert context(*commands) == kept


def test_a_context_that_failed_is_run_again_and_may_fail_again() -> None:
    noted = Context()
    noted.note("set 1")
    noted.note("set radix 99", failed=True)
    noted.note("set -c 1", failed=True)
    assert noted.commands() == ["set 1", "set -c 1"]
    assert noted.lost(["set 1", "set -c 1"]) == ["set 1"]
    noted.note("set 2")
    assert noted.commands() == ["set 2"]
    for pid in range(100):
        noted.note(f"set {pid}", failed=True)
    assert noted.commands() == ["set 2", *(f"set {pid}" for pid in range(92, 100))]


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("b -a", "bt -a"),
        ("b", "bt"),
        ("j 1", "p jiffies | cat 1"),
        ("px nr", "p nr"),  # over crash's own
        ("gone 1", "gone 1"),
        ("sys -i", "sys -i"),
        ("bt b", "bt b"),
    ],
)
def test_the_users_aliases(command: str, meant: str) -> None:
    noted = Context()
    for line in (
        "alias b ps",
        "alias b bt",
        'alias j "p jiffies | cat"',
        "alias px p",
        "alias gone ps",
        "alias",
    ):
        noted.note(line)
    noted.note('alias gone ""')
    assert noted.resolve(command) == meant


def test_groups() -> None:
    commands = ["ps", "bt", "ps | wc", "p 3>2", "log", "# x", "a 1", "sys"]
    assert list(groups(commands, frozenset({"a"}))) == [
        (True, ["ps", "bt"]), (False, ["ps | wc"]), (False, ["p 3>2"]), (True, ["log"]), (False, ["# x"]),
        (False, ["a 1"]), (True, ["sys"]),
    ]  # fmt: skip


def test_with_holes_in_the_dump_what_may_break_off_goes_alone() -> None:
    commands = ["set 1", "sym jiffies", "ps", "gdb p 1", "lsmod"]
    assert list(groups(commands, frozenset(), holes=True)) == [
        (True, ["set 1", "sym jiffies"]),
        (False, ["ps"]),
        (True, ["gdb p 1"]),
        (False, ["lsmod"]),
    ]
    assert not may_break_off("ps | wc", frozenset())
    assert not may_break_off("mine", frozenset({"mine"}))


@given(st.lists(st.sampled_from(["ps", "a | b", "!x", "repeat ps", "bt -a", "//"])))
def test_groups_keep_all_in_order(commands: list[str]) -> None:
    assert [command for _, group in groups(commands, NONE) for command in group] == commands


HOSTILE = [
    "x | touch pwned", "x; touch pwned", "$(touch pwned)", "`touch pwned`", "x\ntouch pwned", "x\ttouch",
    "x > pwned", "x >> pwned", "< x", "-Z", "", " ", "x y", "(x", "'x'", '"x"', "\\x", "x\x00", "é",
    "x\u2028", "!x",
]  # fmt: skip
CHECKS: list[Callable[[str], str]] = [
    arguments.symbol, arguments.type_name, arguments.members, arguments.word, arguments.path,
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_arguments(check: Callable[[str], str], value: str) -> None:
    with pytest.raises(ArgumentError):
        check(value)


@given(st.text())
def test_what_passes_is_plain(value: str) -> None:
    for check in CHECKS:
        try:
            passed = check(value)
        except ArgumentError:
            continue
        assert passed == value
        assert not set(value) & set("|!><;&`'\"()\\\n\t*?#")
        assert value.isascii()


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_addresses(value: int) -> None:
    with pytest.raises(ArgumentError):
        arguments.address(value)
    assert arguments.address(0xFFFF888003A54000) == "ffff888003a54000"
    with pytest.raises(ArgumentError):
        arguments.pid(1 << 23)


def test_nothing_here_is_run_by_a_shell() -> None:
    for path in Path(arguments.__file__).parent.glob("*.py"):
        assert not re.search(r"shell=True|os\.system|os\.popen|pickle|\beval\(", path.read_text()), path
