"""Types and symbols without crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import (
    FaultError,
    KernelError,
    ParseError,
    UnknownMemberError,
    UnknownTypeError,
    VmlinuxError,
)
from crashdrive.kernel.debuginfo.arrays import ArrayShape
from crashdrive.kernel.objects import Object
from crashdrive.kernel.symbols.lookup import Symbol
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.declarations import Abi
from crashdrive.kernel.types.model import EnumType, IntType, StructType, Type, type_name
from crashdrive.kernel.types.paths import find
from crashdrive.linux.minimal import DumpSymbols, MinimalLayouts, proven_btf
from crashdrive.session.result import CommandResult, Failure
from tests.kernel.btf_bytes import Writer
from tests.kernel.session_double import SessionDouble

if TYPE_CHECKING:
    from crashdrive.linux.kernel import Kernel


class Asked(SessionDouble):
    """A session that came up quickly; gdb knows ``struct twice`` alone."""

    def __init__(self) -> None:
        super().__init__(minimal=True)
        self.asked: list[str] = []

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        """One command."""
        return self.run_many([command], timeout=timeout)[0]

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:  # noqa: ARG002 - as Runner
        """Remembered; as of now crash has its tables."""
        self.asked += commands
        self.minimal = False
        text = (
            "type = struct twice {\n/*    0      |     8 */    long here;\n\n"
            "                           /* total size (bytes):    8 */\n                         } **\n"
        )
        raw = text.encode()
        return [CommandResult(command=command, raw=raw, elapsed=0.0, failure=None) for command in commands]


def image() -> Btf:
    """``struct pair``, two of the name ``struct twice``, an enumeration without a name."""
    types = Writer()
    number = types.integer("int", 4, 1)
    types.integer("char", 1, 0)
    types.record("pair", 8, ("left", number, 0), ("right", number, 32))
    types.record("twice", 4, ("here", number, 0))
    types.record("twice", 8, ("there", number, 0))
    types.enum(None, [("A_ONE", 1), ("A_TWO", 2)])
    return Btf(types.bytes())


@pytest.fixture
def runner() -> Asked:
    return Asked()


def test_types_come_from_btf_and_are_kept_apart(runner: Asked, tmp_path: Path) -> None:
    store = Store(tmp_path)
    layouts = MinimalLayouts(runner, store, "k", image)
    assert layouts.offset("struct pair", "right") == 4
    assert not layouts.has_member("struct nothing", "x")
    assert layouts.enumeration_of("A_ONE") == {"A_ONE": 1, "A_TWO": 2}
    assert layouts.type("char") == IntType("char", 1, signed=False, kind="char")
    assert runner.asked == []
    assert store.names("type", "k") == []
    later = MinimalLayouts(runner, store, "k", lambda: None)
    assert later.sizeof("struct pair") == 8
    assert runner.asked == []


def test_btf_is_read_once_for_a_name_that_it_lacks(runner: Asked, tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not MinimalLayouts(runner, store, "k", image).has_member("struct nothing", "x")
    made: list[str] = []

    def again() -> Btf:
        made.append("again")
        return image()

    later = MinimalLayouts(runner, store, "k", again)
    assert not later.has_member("struct nothing", "x")
    assert made == []
    # of another kernel nothing is known
    assert not MinimalLayouts(runner, store, "other", again).has_member("struct nothing", "x")
    assert made == ["again"]
    # and gdb is asked where no type may come out of BTF
    with pytest.raises(ParseError, match="struct twice"):
        MinimalLayouts(runner, store, "k", None).has_member("struct nothing", "x")
    assert runner.asked[0] == "gdb ptype/o struct nothing **"


class Dwarf:
    """Types of an image without BTF; ``asked`` for which."""

    abi = Abi(8, char_signed=False)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, name: str) -> Type | None:
        """`struct twice` isn't understood."""
        self.asked.append(name)
        if name == "struct twice":
            raise VmlinuxError("debug data of a kind that isn't read here")
        return {"struct pair": StructType("struct", "pair", 8, ())}.get(name)

    def enumeration(self, constant: str) -> Type | None:
        return EnumType(None, 4, False, ((constant, 1),)) if constant == "LONELY" else None


def test_types_come_from_dwarf_where_there_is_no_btf_and_both_answers_are_kept(
    runner: Asked, tmp_path: Path
) -> None:
    store, dwarf = Store(tmp_path), Dwarf()

    def made() -> MinimalLayouts:
        return MinimalLayouts(runner, store, "k", lambda: None, image=lambda: cast("Any", dwarf))

    layouts = made()
    assert layouts.sizeof("struct pair") == 8
    assert not layouts.has_member("struct nothing", "x")
    assert layouts.enumeration_of("LONELY") == {"LONELY": 1}
    assert layouts.type("char") == IntType("char", 1, signed=False, kind="char")
    assert dwarf.asked == ["struct pair", "struct nothing"]
    later = made()
    assert later.sizeof("struct pair") == 8
    assert not later.has_member("struct nothing", "x")
    assert dwarf.asked == ["struct pair", "struct nothing"]
    assert runner.asked == []
    # what isn't understood is for gdb
    assert later.sizeof("struct twice") == 8
    assert runner.asked[0] == "gdb ptype/o struct twice **"


class Poor(SessionDouble):
    """A session whose crash came up with --minimal alone: it has no gdb."""

    def __init__(self) -> None:
        super().__init__(options=["--minimal"])

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:  # noqa: ARG002 - as Runner
        """Refused."""
        raw = f"crash: {command.split(maxsplit=1)[0]}: command not available in minimal mode\n".encode()
        failure = Failure(kind="minimal", message=raw.decode().strip())
        return CommandResult(command=command, raw=raw, elapsed=0.0, failure=failure)


def test_a_crash_that_came_up_without_gdb_is_asked_no_types() -> None:
    layouts = MinimalLayouts(Poor(), None, None, image)
    assert layouts.offset("struct pair", "right") == 4
    assert layouts.type("char") == IntType("char", 1, signed=False, kind="char")
    assert layouts.enumeration_of("A_ONE") == {"A_ONE": 1, "A_TWO": 2}
    assert not layouts.has_member("struct nothing", "x")


@pytest.mark.parametrize("btf", [image, lambda: None])
def test_what_neither_btf_nor_gdb_tells_is_an_error_and_no_type_that_is_missing(
    btf: Callable[[], Btf | None],
) -> None:
    layouts = MinimalLayouts(Poor(), None, None, btf)
    with pytest.raises(KernelError, match="--minimal alone, where it has no gdb") as caught:
        layouts.has_member("struct twice", "here")
    assert not isinstance(caught.value, UnknownTypeError)


def test_types_of_btf_are_not_for_those_who_take_none(runner: Asked, tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert MinimalLayouts(runner, store, "k", image).sizeof("struct pair") == 8
    assert runner.asked == []
    later = MinimalLayouts(runner, store, "k", None)
    with pytest.raises(ParseError, match="struct twice"):  # it is all that this gdb prints
        later.sizeof("struct pair")
    assert not later.flattens
    assert runner.asked[0] == "gdb ptype/o struct pair **"


def test_an_index_into_a_second_dimension_is_an_error(runner: Asked) -> None:
    types = Writer()
    pointer = types.pointer(types.integer("int", 4, 1))
    types.integer("char", 1, 0)
    types.record("grid", 48, ("cells", types.array(pointer, 6), 0))
    layouts = MinimalLayouts(runner, None, None, lambda: Btf(types.bytes()))
    grid = layouts.type("struct grid")
    assert layouts.flattens
    assert find(layouts, grid, "cells[1]").offset == 8
    with pytest.raises(KernelError, match=r"cells\[1\]\[2\]: types came from BTF"):
        find(layouts, grid, "cells[1][2]")
    kernel: Any = SimpleNamespace(layouts=layouts)
    cells = Object(kernel, grid, PLACE).cells
    assert cells[1].address_ == PLACE + 8
    with pytest.raises(KernelError, match="types came from BTF"):
        cells[1][2]
    layouts._took_btf = False  # what gdb tells has all dimensions: this is what the pointer points to
    assert find(layouts, grid, "cells[1][2]").rest == "[2]"


def grid() -> Btf:
    """``struct grid``: three arrays that BTF has as ones of one dimension, two of them in what it holds."""
    types = Writer()
    number, byte = types.integer("int", 4, 1), types.integer("char", 1, 0)
    inner = types.record(None, 24, ("deep", types.array(number, 6), 0))
    types.record(
        "grid", 96,
        ("cells", types.array(number, 6), 0), ("name", types.array(byte, 16), 192),
        ("inner", types.array(inner, 2), 320),
    )  # fmt: skip
    return Btf(types.bytes())


GRID = """type = struct grid {
/*    0      |    24 */    int cells[2][3];
/*   24      |    16 */    char name[16];
/*   40      |    48 */    struct {
/*    0      |    24 */        int deep[6];

                               /* total size (bytes):   24 */
                           } inner[2];

                           /* total size (bytes):   96 */
                         } **
"""


class AskedOfGrid(Asked):
    """gdb knows ``struct grid``."""

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:  # noqa: ARG002 - as Runner
        """The structure, or whether char is signed."""
        self.asked += commands
        self.minimal = False
        texts = [GRID if "struct grid" in command else "$1 = -1 " for command in commands]
        return [
            CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=None)
            for command, text in zip(commands, texts, strict=True)
        ]


@pytest.mark.parametrize("known", [{"4": [6]}, None])
def test_the_dimensions_of_one_array_are_asked(known: dict[str, list[int]] | None, tmp_path: Path) -> None:
    runner, searched = AskedOfGrid(), [0]

    def search() -> dict[str, list[int]] | None:
        searched[0] += 1
        return known

    store = Store(tmp_path)
    layouts = MinimalLayouts(runner, store, "k", grid, dimensions=search)
    kind = layouts.type("struct grid")
    assert (layouts.flattens, layouts.sizeof(kind), layouts.offset(kind, "name")) == (False, 96, 24)
    assert searched == [0]
    if known is not None:
        # no array of char has several dimensions
        assert find(layouts, kind, "name[3]").offset == 27
        assert (runner.asked, searched) == ([], [1])
    assert find(layouts, kind, "cells[1]").offset == 12
    assert find(layouts, kind, "cells[1][2]").offset == 20
    assert find(layouts, kind, "inner[1].deep[5]").offset == 84
    with pytest.raises(UnknownMemberError):
        find(layouts, kind, "inner[1].deep[1][2]")
    assert [command for command in runner.asked if "ptype" in command] == ["gdb ptype/o struct grid **"]
    later = MinimalLayouts(Asked(), store, "k", grid, dimensions=search)
    assert find(later, later.type("struct grid"), "cells[1][2]").offset == 20
    # what gdb told is kept
    assert searched == [1]


def test_the_shape_of_one_array_is_told_by_its_entry(tmp_path: Path) -> None:
    runner, looked = AskedOfGrid(), list[tuple[str, str]]()
    told = {
        ".cells": ArrayShape("4", (2, 3)),
        ".inner": ArrayShape("?", (2,)),
        ".inner[0].deep": ArrayShape("4", (6,)),
    }

    def shape(outer: str, path: str) -> ArrayShape | None:
        looked.append((outer, path))
        return told.get(path)

    def opened() -> MinimalLayouts:
        # all that has no shape may have several dimensions
        several = {"char": [16]}
        return MinimalLayouts(runner, Store(tmp_path), "k", grid, dimensions=lambda: several, shape=shape)

    layouts = opened()
    kind = layouts.type("struct grid")
    assert find(layouts, kind, "cells[1][2]").offset == 20
    assert find(layouts, kind, "inner[1].deep[5]").offset == 84
    assert runner.asked == []
    assert looked == [("struct grid", path) for path in told]
    # it is kept
    looked.clear()
    later = opened()
    assert find(later, later.type("struct grid"), "cells[1][2]").offset == 20
    assert (looked, runner.asked) == ([], [])
    # gdb is asked last
    assert find(later, later.type("struct grid"), "name[3]").offset == 27
    assert looked == [("struct grid", ".name")]
    assert "gdb ptype/o struct grid **" in runner.asked


@pytest.mark.parametrize("told", [ArrayShape("8", (2, 3)), ArrayShape("4", (2, 4)), ArrayShape("4", (7,))])
def test_a_shape_of_something_else_is_not_taken(told: ArrayShape) -> None:
    runner = AskedOfGrid()
    layouts = MinimalLayouts(runner, None, None, grid, dimensions=lambda: {"4": [6]}, shape=lambda *_: told)
    assert find(layouts, layouts.type("struct grid"), "cells[1][2]").offset == 20
    assert "gdb ptype/o struct grid **" in runner.asked


def test_an_array_that_gdb_has_otherwise_is_an_error() -> None:
    types = Writer()
    types.integer("char", 1, 0)
    types.record("grid", 96, ("cells", types.array(types.integer("int", 4, 1), 8), 0))
    layouts = MinimalLayouts(
        AskedOfGrid(), None, None, lambda: Btf(types.bytes()), dimensions=lambda: {"4": [8]}
    )
    with pytest.raises(KernelError, match=r"struct grid\.cells: gdb and BTF don't agree"):
        find(layouts, layouts.type("struct grid"), "cells[1]")


def test_a_variable_is_declared_without_crash(runner: Asked) -> None:
    layouts = MinimalLayouts(runner, None, None, image, declaration={"one": "struct pair *[2][3]"}.get)
    assert type_name(layouts.variable("one")) == "struct pair *[2][3]"
    assert runner.asked == []
    with pytest.raises(UnknownTypeError):
        layouts.variable("other")
    assert runner.asked == ["whatis other"]


def test_what_btf_does_not_tell_for_sure_is_asked(runner: Asked) -> None:
    layouts = MinimalLayouts(runner, None, None, image)
    assert layouts.has_member("struct twice", "here")
    assert "gdb ptype/o struct twice **" in runner.asked


def test_without_btf_all_is_asked(runner: Asked) -> None:
    layouts = MinimalLayouts(runner, None, None, lambda: None)
    assert layouts.sizeof("struct twice") == 8
    assert runner.asked


def test_a_kernel_with_all_tables_asks_gdb(runner: Asked) -> None:
    runner.minimal = False
    layouts = MinimalLayouts(runner, None, None, image)
    layouts.sizeof("struct twice")
    assert runner.asked[0] == "gdb ptype/o struct twice **"


def test_constants_that_nobody_has(runner: Asked) -> None:
    layouts = MinimalLayouts(runner, None, None, image)
    with pytest.raises(UnknownTypeError):
        layouts.enumeration_of("B_ONE")


class Proving:
    """A kernel whose memory holds ``data`` where the image's BTF is; FaultError where None."""

    def __init__(self, data: bytes | None, *, minimal: bool = True) -> None:
        self.data = data
        self.symbols = self
        self.source = Source.__new__(Source) if minimal else None
        self.session = SimpleNamespace(identity={"vmlinux": "/vmlinux"})

    def address(self, name: str) -> int:
        """Where crash has a symbol."""
        assert name == "__start_BTF"
        return PLACE

    def read(self, address: int, size: int) -> bytes:
        assert address == PLACE
        if self.data is None:
            raise FaultError("excluded", address, size, "excluded")
        return self.data[:size]


PLACE = 0xFFFFFFFF82000000


class Source(DumpSymbols):
    """Knows where BTF begins, and nothing else."""

    path = "/vmlinux"

    def of_image(self, name: str) -> tuple[Symbol, ...]:
        return (Symbol(PLACE, name, "R"),)


def test_btf_of_a_vmlinux_has_to_be_that_of_the_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    types = Writer()
    types.integer("int", 4, 1)
    own = types.bytes()
    found: list[bytes | None] = [own]
    monkeypatch.setattr("crashdrive.linux.minimal.section", lambda _path, _name: found[0])

    def proven(kernel: Proving) -> bool:
        return proven_btf(cast("Kernel", kernel)) is not None

    assert proven(Proving(own + b"more"))
    assert proven(Proving(own, minimal=False))
    assert not proven(Proving(b"x" + own[1:], minimal=False))
    assert not proven(Proving(None))
    assert not proven(Proving(own[:-1] + b"x"))
    found[0] = None
    assert not proven(Proving(own))


def test_btf_is_read_where_a_type_needs_it() -> None:
    """All of it takes a tenth of a second; it says whether a plain char has a sign."""
    read: list[Btf] = []

    def btf() -> Btf:
        read.append(image())
        return read[-1]

    layouts = MinimalLayouts(Asked(), None, "", btf)
    for name in ("unsigned long", "void *", "signed char", "unsigned char [4]"):
        layouts.declared(name)
    assert read == []
    assert layouts.declared("char") == IntType("char", 1, signed=False, kind="char")
    assert len(read) == 1
