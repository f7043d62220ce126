"""``list``, ``tree``: elements, what was asked of them, and names that try to look like them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.values import Pointer
from crashdrive.parsers.tree import MapleRange, MapleTree
from tests.parsers.recorded import each, output

FIRST, SECOND = "ffff880128c508c0", "ffff88012cb68140"


def test_addresses_alone() -> None:
    assert [one.address for one in parse("list 136 c169a000", "c169a000\nc0440000\n")] == [
        0xC169A000,
        0xC0440000,
    ]
    assert parse("list -H x 0", "(empty)\n").records == ()


def test_members() -> None:
    text = (
        f'{FIRST}\n  name = 0xc02c05c8 "rootfs",\n  fs_flags = 0x30,\n'
        f"{SECOND}\n  name = 0x0,\n  fs_flags = 0x10,\n"
    )
    first, second = parse(f"list x.next -s x.name,fs_flags {FIRST}", text).records
    assert first.members == {"name": Pointer(address=0xC02C05C8, string="rootfs"), "fs_flags": 0x30}
    assert second.members == {"name": 0, "fs_flags": 0x10}


def test_raw_texts() -> None:
    """``-S`` prints a name as it is: quotes, newlines, what looks like a row."""
    text = f'{FIRST}\n  pid = 1\n  comm = "a"b\\000"\n{SECOND}\n  pid = 2\n  comm = "line\nbreak"\n'
    first, second = parse(f"list x -S task_struct.pid,comm -h {FIRST}", text).records
    assert (first.members or {})["comm"] == 'a"b\\000'
    assert (second.members or {})["comm"] == "line\nbreak"


@pytest.mark.parametrize(
    "name", [f'"\n{SECOND}', 'x"\n  pid = 7', 'x"\n  pid = "7', 'x"\n  a = "b', '"\nffffffff\n']
)
def test_a_name_forges_nothing(name: str) -> None:
    text = f'{FIRST}\n  comm = "{name}"\n  pid = 1\n'
    try:
        found = parse(f"list x -S task_struct.comm,pid -h {FIRST}", text)
    except ParseError:
        return
    assert [one.address for one in found] == [int(FIRST, 16)]
    assert (found.one().members or {})["pid"] == 1


def test_whole_structures_and_positions() -> None:
    text = (
        f"{FIRST}\n  index: 1  position: root/3/25\nstruct list_head {{\n  next = 0x1,\n  prev = 0x2\n}}\n"
        f"{SECOND}\n  position: root/l\nstruct list_head {{\n  next = 0x3,\n  prev = 0x4\n}}\n"
    )
    first, second = parse("tree -t radix -p -s list_head x", text).records
    assert (first.index, first.position, first.members) == (1, "root/3/25", {"next": 1, "prev": 2})
    assert (second.index, second.position) == (None, "root/l")


def test_an_element_stands_in_one_place() -> None:
    text = f"{FIRST}\n  position: root/l/r\n{SECOND}\n  position: root/l\n"
    assert [one.position for one in parse("tree -p x", text)] == ["root/l/r", "root/l"]
    for damaged in (text.replace("/r\n", "/r"), text.replace(f"{SECOND}\n", "")):
        with pytest.raises(ParseError):
            parse("tree -p x", damaged)


def test_a_text_that_was_cut_takes_no_other_element() -> None:
    whole = f'{FIRST}\n  comm = "one"\n{SECOND}\n  comm = "two"\n'
    command = f"list x -S task_struct.comm -h {FIRST}"
    assert [(one.members or {})["comm"] for one in parse(command, whole)] == ["one", "two"]
    with pytest.raises(ParseError):
        parse(command, whole.replace('one"', "on"))


def test_errors_are_marked() -> None:
    found = parse("list x c0000000", f"{FIRST}\n\nlist: duplicate list entry: {SECOND}\n")
    assert (len(found), found.complete) == (1, False)
    lacking = parse(f"list x -s y.a,b {FIRST}", f"{FIRST}\n  a = 1\n")
    assert not lacking.complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        "list: invalid kernel virtual address: 10\n",
        "zz\n",
        f"{FIRST}\n  a = \n",
        f"{FIRST}\n  a = 1\n  a = 2\n",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("list -h 10", text)


def test_maple_trees() -> None:
    text = (
        "maple_tree(ffff9034c006aec0) flags 309, height 2 root 0xffff9034de70041e\n\n"
        "0-18446744073709551615: node 0xffff9034de700400 depth 0 type 3 parent 0x1 contents: 1 2\n"
        "  0-94643156942847: 0x0\n  94643156942848: value 7 [0xf]\n"
    )
    tree, whole, hole, value = parse("tree -t maple -v ffff9034c006aec0", text).records
    assert tree == MapleTree(0xFFFF9034C006AEC0, 0x309, 2, 0xFFFF9034DE70041E)
    assert isinstance(whole, MapleRange)
    assert (whole.node, whole.node_type, whole.last) == (0xFFFF9034DE700400, 3, (1 << 64) - 1)
    assert hole == MapleRange(depth=1, first=0, last=94643156942847, entry=0)
    assert value == MapleRange(depth=1, first=94643156942848, last=94643156942848, value=7)
    hexadecimal = text.replace("18446744073709551615", "ffffffffffffffff").replace(
        "94643156942847", "5613d3bfffff"
    )
    assert (
        parse("tree -t maple -v x", hexadecimal.replace("94643156942848", "5613d3c00000"))[2].last
        == 94643156942847
    )


def test_maple_trees_count_in_the_radix_of_the_command() -> None:
    rows = "".join(f"{FIRST}\n  index: {{}}  position: root/{n}\n" for n in range(1, 17))
    hexadecimal = rows.format(*(f"{n:x}" for n in range(1, 17)))
    decimal = rows.format(*range(1, 17))
    assert [one.index for one in parse("tree -t maple -p -x x", hexadecimal)] == list(range(1, 17))
    assert [one.index for one in parse("tree -t maple -p x", decimal)] == list(range(1, 17))
    with pytest.raises(ParseError):
        parse("tree -t maple -p x", rows.format(*range(2, 18)))


def test_entries_of_maple_trees_in_decimal() -> None:
    assert parse("tree -t maple x", f"{0xFFFF9034DE700400}\n").one().address == 0xFFFF9034DE700400


@each("list")
def test_recorded_lists(case: Path) -> None:
    command, text = output(case)
    assert len(parse(command, text)) == len(re.findall(r"^[0-9a-f]{8,16}$", text, re.MULTILINE))


@each("tree")
def test_recorded_trees(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    if found.shape == "elements":
        assert len(found) == len(re.findall(r"^(?:[0-9a-f]{8,16}|1844\d{16})$", text, re.MULTILINE))
