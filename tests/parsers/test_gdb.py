"""``gdb``: layouts of gdb 10 and 16, held against crash's own offsets; types, values, other lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.gdb import Line
from crashdrive.parsers.grammar.definitions import Definition, Enumerator, Member
from crashdrive.parsers.p import Expression
from crashdrive.parsers.whatis import Declaration, Enumeration
from tests.parsers.recorded import each, parsed

GDB_10 = """\
/* offset    |  size */  type = struct iphdr {
/*    0: 0   |     1 */    __u8 ihl : 4;
/*    0: 4   |     1 */    __u8 version : 4;
/* XXX  3-byte hole  */
/*    4      |     8 */    union {
/*                 8 */        struct {
/*    4      |     4 */            __be32 saddr;
/*    8      |     4 */            int (*f)(struct x *);

                                   /* total size (bytes):    8 */
                               } addrs[1];

                               /* total size (bytes):    8 */
                           };

                           /* total size (bytes):   12 */
                         }
"""
GDB_16 = (
    GDB_10.replace("/* offset    |  size */", "/* offset      |    size */")
    .replace("/* total size (bytes):   12 */", "/* total size:   12 bytes */")
    .replace("/*    0: 0   |     1 */", "/*      0: 0   |       1 */")
)


@pytest.mark.parametrize("text", [GDB_10, GDB_16])
def test_layouts(text: str) -> None:
    found = parse("gdb ptype/o struct iphdr", text).one()
    assert isinstance(found, Definition)
    ihl, version, union = found.members
    assert (found.kind, found.name, found.size) == ("struct", "iphdr", 12)
    assert (ihl.name, ihl.offset, ihl.size, ihl.bits, ihl.bit_offset) == ("ihl", 0, 1, 4, 0)
    assert (version.bits, version.bit_offset) == (4, 4)
    (addrs,) = union.members
    assert (union.name, union.offset, union.size) == (None, 4, 8)
    assert (addrs.name, addrs.type, addrs.offset) == ("addrs", "struct {...} [1]", None)
    assert addrs.members[1] == Member(name="f", type="int (*)(struct x *)", offset=8, size=4)


def test_a_layout_of_a_pointer_has_no_header() -> None:
    text = (
        "type = struct x {\n/*      0      |       8 */    long a;\n\n"
        "                           /* total size:    8 bytes */\n                         } **\n"
    )
    found = parse("gdb ptype/o struct x **", text).one()
    assert (found.name, found.type, found.size) == ("x", "struct x **", 8)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ihl : 4;", "ihl : 4"),
        ("/*    0: 4   |     1 */", ""),
        ("                         }\n", ""),
        ("} addrs[1];", "}"),
        ("type = ", "typ = "),
        ("union {", "union {{"),
        ("__be32 saddr;", ";"),
    ],
)
def test_damaged_layouts(old: str, new: str) -> None:
    damaged = GDB_10.replace(old, new, 1)
    with pytest.raises(ParseError):
        parse("gdb ptype/o struct iphdr", damaged)


def test_others() -> None:
    assert parse("gdb whatis jiffies", "type = volatile unsigned long\n").one() == Declaration(
        None, "volatile unsigned long"
    )
    enum = parse("gdb ptype enum x", "type = enum x {A, B = 5, C}\n").one()
    assert enum == Enumeration("x", (Enumerator("A", 0), Enumerator("B", 5), Enumerator("C", 6)))
    assert parse("gdb p jiffies", "$1 = 4294898721\n").one() == Expression(history=1, value=4294898721)
    plain = parse("gdb ptype struct x", "type = struct x {\n    int a;\n}\n").one()
    assert plain == Definition(kind="struct", name="x", members=(Member(name="a", type="int"),))
    assert parse("gdb info symbol panic", "panic in section .text\n").one() == Line("panic in section .text")
    for text in ("", "gdb: gdb request failed: p x\n"):
        with pytest.raises(ParseError):
            parse("gdb p x", text)


@pytest.mark.parametrize("command", ["gdb source macros.gdb", "gdb set print pretty on"])
def test_what_gdb_does_in_silence_is_no_failure(command: str) -> None:
    answer = parse(command, "")
    assert (answer.records, answer.complete) == ((), True)
    assert parse(command, "a line\n").one() == Line("a line")
    with pytest.raises(ParseError):
        parse(command, "gdb: gdb request failed: source\n")
    with pytest.raises(ParseError):
        parse("gdb info symbol panic", "")


def test_a_bare_name_is_what_is_left_of_an_enumeration() -> None:
    text = "type = enum pid_type\n"
    assert parse("gdb whatis type", text).one() == Declaration(None, "enum pid_type")
    with pytest.raises(ParseError, match="expected"):
        parse("gdb ptype enum pid_type", text)


def places(members: tuple[Member, ...], start: int | None = 0, path: str = "") -> Iterator[tuple[str, int]]:
    """Every named member that crash's ``struct -o`` could show, with its offset; unions pass theirs on."""
    for member in members:
        offset = start if member.offset is None else member.offset
        if member.name is None:
            yield from places(member.members, offset, path)
        elif offset is not None:
            yield member.name, offset


@each("struct", "struct_page_-o")
def test_layouts_agree_with_struct(case: Path) -> None:
    layout = parsed(case.parents[1] / "gdb" / "gdb_ptype_o_struct_page.cmd").one()
    definition = parsed(case).one()
    assert isinstance(layout, Definition)
    assert isinstance(definition, Definition)
    expected = dict(places(layout.members))
    shown = {name: offset for name, offset in offsets(definition.members) if name in expected}
    assert len(shown) > 20
    assert {name: expected[name] for name in shown} == shown
    assert layout.size == definition.size


def offsets(members: tuple[Member, ...]) -> Iterator[tuple[str, int]]:
    for member in members:
        if member.name and member.offset is not None:
            yield member.name, member.offset
        yield from offsets(member.members)
