"""Layouts from a gdb that knows no ``ptype/o``."""

from __future__ import annotations

import re

import pytest

from crashdrive.errors import UnknownTypeError
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    IncompleteType,
    PointerType,
    StructType,
    TypeRef,
)
from crashdrive.session.failure import find_failure
from crashdrive.session.result import CommandResult
from tests.kernel.session_double import SessionDouble

TEXTS = {
    "struct thing": """\
type = struct thing {
    int first;
    union {
        struct {
            u32 low;
            u32 high;
        };
        struct pair pair;
    };
    unsigned int flag : 1;
    unsigned int kind : 6;
    unsigned char small : 3;
    enum {ONE = 1, TWO} state;
    struct {
        long a;
        int b;
    } pairs[3];
    struct {
        int inside;
    } *far;
    u8 bytes[2][8];
    struct pair tail[];
}
""",
    "u32": "type = unsigned int\n",
    "struct pair": "type = struct pair {\n    struct pair *next;\n    void (*call)(struct pair *, int);\n}\n",
}
# offset and size of each member, as an address and a sizeof would give them
PLACES = {
    "first": (0, 4), "low": (8, 4), "high": (12, 4), "pair": (8, 16), "flag": (24, 4), "kind": (24, 4),
    "small": (25, 1), "state": (28, 4), "pairs": (32, 48), "pairs[0]": (32, 16), "pairs[0].a": (32, 8),
    "pairs[0].b": (40, 4), "far": (80, 8), "bytes": (88, 16), "tail": (104, 0),
    "next": (0, 8), "call": (8, 8),
}  # fmt: skip
SIZES = {"struct thing": 104, "struct pair": 16, "u32": 4}


class OldGdb(SessionDouble):
    """gdb 7.6, as far as it matters here."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def answer(self, command: str) -> str | None:
        if match := re.fullmatch(r"gdb ptype (\S.*)", command):
            return TEXTS.get(match[1])
        if match := re.fullmatch(r"gdb p sizeof\(\(\(.*\*\)0\)->(.*)\)", command):
            return f"$1 = {PLACES[match[1]][1]}\n"
        if match := re.fullmatch(r"gdb p sizeof\((.*)\)", command):
            return f"$1 = {SIZES[match[1]]}\n"
        if match := re.fullmatch(r"gdb p \(unsigned long\)&\(\(.*\*\)0\)->(.*)", command):
            return f"$1 = {PLACES[match[1]][0]}\n"
        if match := re.fullmatch(r"struct thing\.(\w+) -o", command):
            return f"struct thing {{\n   [{PLACES[match[1]][0]}] unsigned int {match[1]} : 1;\n}}\n"
        return None

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:  # noqa: ARG002 - as Runner
        self.sent.append(command)
        text = self.answer(command) or f"gdb: gdb request failed: {command.removeprefix('gdb ')}\n"
        failure = find_failure(command, text)
        return CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=failure)


def test_a_structure_is_the_same_as_with_offsets() -> None:
    kind = Layouts(OldGdb()).type("struct thing")
    assert isinstance(kind, StructType)
    assert {name: (place, member.bit_size) for name, member, place in kind.leaves()} == {
        "first": (0, None),
        "low": (64, None),
        "high": (96, None),
        "pair": (64, None),
        "flag": (192, 1),
        "kind": (193, 6),
        "small": (200, 3),
        "state": (224, None),
        "pairs": (256, None),
        "far": (640, None),
        "bytes": (704, None),
        "tail": (832, None),
    }
    members = {name: member.type for name, member, _ in kind.leaves()}
    assert members["state"] == EnumType(None, 4, False, (("ONE", 1), ("TWO", 2)))
    assert members["far"] == PointerType(IncompleteType("struct"), 8)
    assert members["low"] == TypeRef("u32", 4)
    pairs = members["pairs"]
    assert isinstance(pairs, ArrayType)
    assert isinstance(pairs.element, StructType)
    assert pairs.element.size == 16
    assert [(m.name, m.bit_offset) for m in pairs.element.members] == [("a", 0), ("b", 64)]
    assert kind.size == 104


def test_paths_typedefs_and_unknown_types() -> None:
    gdb = OldGdb()
    layouts = Layouts(gdb)
    assert layouts.offset("struct thing", "pairs[2].b") == 32 + 2 * 16 + 8
    assert layouts.offset("struct thing", "tail[1].call") == 104 + 16 + 8
    assert layouts.sizeof("u32") == 4
    with pytest.raises(UnknownTypeError):
        layouts.type("struct nothing")
    assert [command for command in gdb.sent if "ptype/o" in command] == [
        "gdb ptype/o struct thing **",
        "gdb ptype/o struct list_head **",
    ]
