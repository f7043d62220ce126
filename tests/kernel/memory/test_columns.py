"""Columns held against reading each member by itself."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import FaultError, UnknownMemberError
from crashdrive.kernel.types.model import ArrayType, EnumType, FloatType, IntType, Member, StructType
from crashdrive.linux.kernel import Kernel
from tests.kernel.fake_memory import (
    BASE,
    BOOL,
    CHAR,
    INT,
    LONG,
    PAGE,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    pointer,
    record,
)

BIG = IntType("__int128", 16, signed=True)
COLOUR = EnumType("colour", 4, signed=False, enumerators=(("RED", 0), ("GREEN", 7)))
FLAGS = StructType(
    "struct",
    "flags",
    8,
    (
        Member("a", UINT, 0, 3),
        Member("b", INT, 3, 7),
        Member("c", BOOL, 10, 1),
        Member("wide", ULONG, 11, 40),
    ),
)
EVERYTHING = record(
    "everything",
    ("i", INT),
    ("u", UINT),
    ("l", LONG),
    ("ul", ULONG),
    ("c", U8),
    ("yes", BOOL),
    ("name", ArrayType(CHAR, 9)),
    ("mac", ArrayType(U8, 6)),
    ("three", ArrayType(INT, 3)),
    ("one", ArrayType(INT, 1)),
    ("none", ArrayType(INT, 0)),
    ("flags", FLAGS),
    ("colour", COLOUR),
    ("f", FloatType("double", 8)),
    ("big", BIG),
    (None, record(None, ("x", UINT), ("y", ArrayType(U8, 4)), kind="union")),
    ("next", pointer("struct everything")),
    ("pairs", ArrayType(record(None, ("p", INT), ("q", INT)), 2)),
)
FIELDS = [
    "ul", "i", "u", "l", "c", "yes", "name", "mac", "three", "one", "none", "flags.a", "flags.b", "flags.c",
    "flags.wide", "colour", "f", "big", "x", "y", "next", "pairs", "pairs[1].q", "i",
]  # fmt: skip
SIZE = EVERYTHING.size


def kernel_with(memory: FakeMemory) -> Kernel:
    return fake_kernel(memory, {"struct everything": EVERYTHING})


def one_by_one(kernel: Kernel, address: int, field: str) -> Any:
    """What the column should say, by way of Objects."""
    value = kernel.object("struct everything", address).member_(field)
    if field == "name":
        return value.string_()
    if field in {"mac", "y", "pairs"}:
        return value.bytes_()
    found = value.value_()
    return tuple(found) if isinstance(found, list) else found


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_member(order: str) -> None:
    memory = FakeMemory(order)
    kernel = kernel_with(memory)
    chance = random.Random(4)  # noqa: S311 - test data, no secrets
    addresses = [BASE + 8 * chance.randrange(2000) for _ in range(200)]
    for address in addresses:
        memory.write(address, bytes(byte & 0x7F for byte in chance.randbytes(SIZE)))
    columns = kernel.read_many("struct everything", addresses, FIELDS)
    assert columns.complete
    assert columns.check() is columns
    for address, row in zip(addresses, columns, strict=True):
        assert list(row) == [one_by_one(kernel, address, field) for field in FIELDS]


def test_values_by_hand() -> None:
    memory = FakeMemory()
    kernel = kernel_with(memory)
    at = memory.allocate(SIZE)
    place = {field: at + kernel.offset("struct everything", field) for field in FIELDS}
    memory.int32(place["i"], -5)
    memory.write(place["name"], b"ab\xff\0rest!")
    memory.write(place["mac"], b"\x00\x0c\x29\x01\x02\x03")
    memory.write(place["flags.a"], (5 | (0x7F & -2) << 3 | 1 << 10 | 0xABCDEF << 11).to_bytes(8, "little"))
    memory.write(place["f"], struct.pack("<d", 2.5))
    memory.write(place["big"], (-3).to_bytes(16, "little", signed=True))
    wanted = ["i", "name", "mac", "flags.a", "flags.b", "flags.c", "flags.wide", "f", "big", "one", "none"]
    (row,) = kernel.read_many("struct everything", [at], wanted)
    assert row == (-5, "ab\\xff", b"\0\x0c)\1\2\3", 5, -2, True, 0xABCDEF, 2.5, -3, (0,), ())


@pytest.mark.parametrize("address", [-1, -31, -SIZE, -2 * SIZE, 0, (1 << 64) - 8])
def test_what_is_no_address_is_a_gap(address: int) -> None:
    """A damaged pointer: less than the member's offset, or at the end of memory."""
    kernel = kernel_with(FakeMemory())
    for fields in (["i"], ["next"], FIELDS):
        columns = kernel.read_many("struct everything", [address], fields)
        assert not columns.complete
        assert [value for value in next(iter(columns)) if value not in (None, ())] == []


@given(st.lists(st.integers(0, 800), max_size=30), st.sets(st.integers(0, 3)))
def test_holes_are_marked_and_nothing_else_is_lost(places: list[int], holes: set[int]) -> None:
    memory = FakeMemory()
    kernel = kernel_with(memory)
    memory.write(BASE, bytes(i % 120 for i in range(5 * PAGE)))
    for hole in holes:
        memory.hole(BASE + hole * PAGE)
    addresses = [BASE + 16 * place for place in places]
    columns = kernel.read_many("struct everything", addresses, FIELDS)
    gaps = {(gap.row, gap.column) for gap in columns.gaps}
    for row, address in enumerate(addresses):
        for column, field in enumerate(FIELDS):
            found = columns.columns[column][row]
            try:
                assert found == one_by_one(kernel, address, field)
                assert (row, column) not in gaps
            except FaultError:
                assert found is None
                assert (row, column) in gaps
    assert columns.complete == (not gaps)
    if gaps:
        with pytest.raises(FaultError, match="gaps in all"):
            columns.check()


def test_members_behind_pointers() -> None:
    memory = FakeMemory()
    kernel = kernel_with(memory)
    items = [memory.allocate(SIZE) for _ in range(4)]
    link = kernel.offset("struct everything", "next")
    for number, item in enumerate(items):
        memory.int32(item, number)
    memory.word(items[0] + link, items[1])
    memory.word(items[1] + link, items[2])
    memory.word(items[3] + link, 0xDEAD_0000_0000_0100)
    columns = kernel.read_many(
        "struct everything", items, ["next->i", "next->next->i", "i", "next.i", "next"]
    )
    assert next(iter(columns)) == (1, 2, 0, 1, items[1])
    assert list(columns)[1] == (2, None, 1, 2, items[2])
    assert list(columns)[2] == (None, None, 2, None, 0)
    assert {(gap.row, gap.column) for gap in columns.gaps} == {(3, 0), (3, 1), (3, 3)}
    assert "not mapped" in columns.notices("things")[0].message


def test_a_batch_larger_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.kernel.memory.columns.BUDGET", 4 * PAGE)
    memory = FakeMemory()
    kernel = kernel_with(memory)
    addresses = [BASE + (i * 7919) % 4000 * 32 for i in range(1000)]
    for i, address in enumerate(addresses):
        memory.write(address, bytes(SIZE))
        memory.int32(address, i)
    columns = kernel.read_many("struct everything", addresses, ["i"])
    assert all(
        value == struct.unpack("<i", memory.read(address, 4))[0]
        for address, value in zip(addresses, columns["i"], strict=True)
    )


def test_no_addresses_and_no_fields() -> None:
    kernel = kernel_with(FakeMemory())
    assert list(kernel.read_many("struct everything", [], ["i"])) == []
    assert list(kernel.read_many("struct everything", [BASE], [])) == [()]


def test_a_table_with_its_columns() -> None:
    memory = FakeMemory()
    kernel = fake_kernel(memory)
    table = memory.allocate(8 * 8)
    offset = kernel.offset("struct item", "hash")
    items = []
    for bucket in range(8):
        item = memory.allocate(kernel.sizeof("struct item"))
        memory.int32(item, bucket * 10)
        memory.word(table + 8 * bucket, item + offset)
        memory.word(item + offset, 0, table + 8 * bucket)
        items.append(item)
    found = kernel.walk_table(table, 8, "struct item", "hash", fields=["number", "next->number"])
    assert found.addresses == items
    assert found.columns is not None
    assert list(found.columns) == [(bucket * 10, None) for bucket in range(8)]
    assert memory.rounds == 2


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nam", "struct everything has no member 'nam'; near: name"),
        ("name.x", "has no members"),
        ("three[3]", "has no element"),
        ("i[0]", "is no array"),
        ("i b", "no path"),
        ("name;x", "no path"),
        (".name", "no path"),
        ("next->nxt", "near: next"),
    ],
)
def test_errors_say_what_is_near(path: str, said: str) -> None:
    kernel = kernel_with(FakeMemory())
    with pytest.raises(UnknownMemberError, match=said.replace("[", r"\[")):
        kernel.read_many("struct everything", [BASE], [path])
