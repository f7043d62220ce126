"""Resizable hash tables: locks, marks, resizing, nested tables, damage."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crashdrive.kernel.structures.rhashtable import rhashtable
from crashdrive.kernel.types.model import ArrayType, Type
from tests.kernel.fake_memory import UINT, ULONG, FakeMemory, fake_kernel, link_chain, pointer, record

PAGE = 4096
TABLE = record(
    "bucket_table",
    ("size", UINT),
    ("nest", UINT),
    ("future_tbl", pointer("struct bucket_table")),
    ("buckets", ArrayType(ULONG, 0)),
)
LOCKED: dict[str, Type] = {
    "struct bucket_table": TABLE,
    "struct rhash_lock_head": record("rhash_lock_head", ("x", ULONG)),
}
OLD: dict[str, Type] = {"struct bucket_table": TABLE}
FIRST = 16  # of the buckets in the table


def make(memory: FakeMemory, chains: Sequence[int], *, future: int = 0) -> tuple[int, list[int]]:
    """A table with chains of these lengths, and their nodes."""
    table = memory.allocate(FIRST + 8 * len(chains), PAGE)
    memory.int32(table, len(chains))
    memory.word(table + 8, future)
    found: list[int] = []
    for number, length in enumerate(chains):
        head = table + FIRST + 8 * number
        nodes = [memory.allocate(32) for _ in range(length)]
        if nodes:
            link_chain(memory, head, nodes, end=head | 1)
        found += nodes
    return table, found


def test_buckets_with_locks() -> None:
    memory = FakeMemory()
    table, nodes = make(memory, [2, 0, 1, 0])
    memory.word(table + FIRST + 8, 1)  # locked and empty
    memory.word(table + FIRST + 16, nodes[2] | 1)  # locked
    walk = rhashtable(fake_kernel(memory, LOCKED), table)
    assert sorted(walk) == sorted(nodes)
    assert walk.complete
    assert sorted(rhashtable(fake_kernel(memory, LOCKED), table, 8)) == [node - 8 for node in sorted(nodes)]


def test_marks_of_empty_buckets_before_there_were_locks() -> None:
    memory = FakeMemory()
    table, nodes = make(memory, [1, 0])
    memory.word(table + FIRST + 8, 0x1235)
    walk = rhashtable(fake_kernel(memory, OLD), table)
    assert list(walk) == nodes
    assert walk.complete


def test_both_tables_while_it_is_resized() -> None:
    memory = FakeMemory()
    new, moved = make(memory, [1, 1, 0, 1])
    old, stayed = make(memory, [2, 0], future=new)
    walk = rhashtable(fake_kernel(memory, LOCKED), old)
    assert sorted(walk) == sorted(moved + stayed)


@pytest.mark.parametrize(("size", "nest"), [(4096, 10), (1 << 20, 9), (512, 9)])
def test_nested_tables(size: int, nest: int) -> None:
    """As nested_table_alloc() lays them out: pages that nobody needed are not there."""
    memory = FakeMemory()
    table = memory.allocate(FIRST + 8, PAGE)
    memory.int32(table, size)
    memory.int32(table + 4, nest)
    top = memory.allocate(8 << nest, PAGE)
    memory.word(table + FIRST, top)
    nodes = []
    for number in (0, 5, size - 1):
        index, rest, left = number & (1 << nest) - 1, number >> nest, size >> nest
        place = top + 8 * index
        while True:
            level = int.from_bytes(memory.read(place, 8), "little")
            if not level:
                level = memory.allocate(PAGE, PAGE)
                memory.word(place, level)
            if left <= PAGE // 8:
                break
            place, rest, left = level + 8 * (rest % (PAGE // 8)), rest // (PAGE // 8), left // (PAGE // 8)
        node = memory.allocate(16)
        link_chain(memory, level + 8 * rest, [node], end=(level + 8 * rest) | 1)
        nodes.append(node)
    walk = rhashtable(fake_kernel(memory, LOCKED), table)
    assert sorted(walk) == sorted(nodes)
    assert walk.complete


def test_damage_ends_a_walk_and_is_told() -> None:
    memory = FakeMemory()
    table, nodes = make(memory, [2, 1])
    memory.word(nodes[1], nodes[0])
    walk = rhashtable(fake_kernel(memory, LOCKED), table)
    assert sorted(walk) == sorted(nodes)
    assert [problem.kind for problem in walk.problems] == ["loop"]
    assert not walk.complete
    memory.int32(table, -1)
    walk = rhashtable(fake_kernel(memory, LOCKED), table)
    assert list(walk) == []
    assert "4294967295 buckets" in walk.problems[0].message
    assert not rhashtable(fake_kernel(memory, LOCKED), 0x1234_5678).complete
