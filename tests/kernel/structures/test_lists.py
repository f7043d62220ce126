"""Walks over linked lists, held against models: random places, holes, poison, loops."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import CorruptError, FaultError
from crashdrive.kernel.structures import lists
from tests.kernel.fake_memory import BASE, PAGE, FakeMemory, fake_kernel, link_chain, link_hlist, link_list
from tests.strategies import distinct

PLACES = distinct(1, 4000, 60)
OFFSET = 40
HEAD = BASE
POISON = 0xDEAD_0000_0000_0100


def nodes_at(memory: FakeMemory, places: list[int]) -> list[int]:
    nodes = [BASE + place * 128 for place in places]
    for node in nodes:
        memory.write(node, bytes(16))
    return nodes


def reachable(memory: FakeMemory, head: int, end: int) -> list[int]:
    """The model: one word at a time, until the end, a hole, or a node seen before."""
    found: list[int] = []
    at = head
    while True:
        try:
            (at,) = struct.unpack("<Q", memory.read(at, 8))
        except FaultError:
            return found[:-1]
        if at == end or at in found:
            return found
        found.append(at)


@given(PLACES)
def test_a_circular_list_is_found_in_its_order(places: list[int]) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, places)
    link_list(memory, HEAD, nodes)
    walk = lists.list_head(memory.window(), HEAD, OFFSET)
    assert list(walk) == [node - OFFSET for node in nodes]
    assert walk.complete
    assert not walk.problems
    assert walk.check() is walk


@given(PLACES.filter(bool), st.data())
def test_a_hole_ends_a_list_with_what_was_found_before_it(places: list[int], data: st.DataObject) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, places)
    link_list(memory, HEAD, nodes)
    memory.hole(data.draw(st.sampled_from(nodes)))
    walk = lists.list_head(memory.window(), HEAD, 0)
    if HEAD // PAGE in memory.holes:
        assert list(walk) == []
    else:
        assert list(walk) == reachable(memory, HEAD, HEAD)
    assert not walk.complete
    assert "excluded" in walk.problems[0].message
    with pytest.raises(FaultError, match="not in the dump"):
        walk.check()


@given(PLACES.filter(bool), st.data())
def test_a_loop_is_reported_with_its_place(places: list[int], data: st.DataObject) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, places)
    link_list(memory, HEAD, nodes)
    target = data.draw(st.sampled_from(nodes))
    memory.word(nodes[-1], target)
    walk = lists.list_head(memory.window(), HEAD, 0)
    assert list(walk) == nodes
    assert not walk.complete
    assert [p.address for p in walk.problems if p.kind == "loop"] == [target]
    with pytest.raises(CorruptError) as caught:
        walk.check()
    assert caught.value.found == tuple(nodes)


@given(PLACES.filter(bool), st.data(), st.sampled_from([0, POISON, BASE + 3, 0x7FFF_0000_1000, 1 << 63]))
def test_what_is_no_pointer_ends_a_list(places: list[int], data: st.DataObject, bad: int) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, places)
    link_list(memory, HEAD, nodes)
    last = data.draw(st.integers(0, len(nodes) - 1))
    memory.word(nodes[last], bad)
    walk = lists.list_head(memory.window(), HEAD, 0)
    assert list(walk) == nodes[: last + 1]
    assert not walk.complete
    expected = {0: "null", POISON: "poison", BASE + 3: "unaligned"}.get(bad, "hole")
    assert expected in {p.kind for p in walk.problems}


def test_a_back_link_that_points_elsewhere_is_said_but_loses_nothing() -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 2, 3])
    link_list(memory, HEAD, nodes)
    memory.word(nodes[1] + 8, POISON)
    walk = lists.list_head(memory.window(), HEAD, 0)
    assert list(walk) == nodes
    assert walk.complete
    assert [p.kind for p in walk.problems] == ["link"]


def test_a_list_that_was_cut_short_is_noticed_by_its_heads_prev() -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 2, 3])
    link_list(memory, HEAD, nodes)
    memory.word(nodes[0], HEAD)
    walk = lists.list_head(memory.window(), HEAD, 0)
    assert list(walk) == nodes[:1]
    assert "but its head's prev" in walk.problems[0].message
    assert not walk.complete


def test_a_list_to_whose_end_a_node_is_being_added_is_whole() -> None:
    """list_add_tail_rcu() sets the head's prev last."""
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 2, 3])
    link_list(memory, HEAD, nodes)
    memory.word(HEAD + 8, nodes[1])
    walk = lists.list_head(memory.window(), HEAD, 0)
    assert list(walk) == nodes
    assert walk.complete
    assert [p.kind for p in walk.problems] == ["link"]


@pytest.mark.parametrize("circular", [True, False])
def test_a_node_that_was_left_out_is_noticed(*, circular: bool) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 2, 3, 4])
    (link_list if circular else link_hlist)(memory, HEAD, nodes)
    memory.word(nodes[0], nodes[2])
    window = memory.window()
    walk = lists.list_head(window, HEAD, 0) if circular else lists.hlists(window, [HEAD], 0, backed=True)
    assert list(walk) == [nodes[0], nodes[2], nodes[3]]
    assert not walk.complete
    assert [p.kind for p in walk.problems] == ["back"]


@pytest.mark.parametrize("circular", [True, False])
@pytest.mark.parametrize("there", [bytes(16), b"\xff" * 16, struct.pack("<QQ", BASE + 128, BASE + 256)])
def test_a_pointer_that_leads_astray_gives_no_node(*, circular: bool, there: bytes) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 2, 3])
    (link_list if circular else link_hlist)(memory, HEAD, nodes)
    memory.word(nodes[0], BASE + 1000 * 128)
    memory.write(BASE + 1000 * 128, there)
    window = memory.window()
    walk = lists.list_head(window, HEAD, 0) if circular else lists.hlists(window, [HEAD], 0, backed=True)
    assert list(walk) == nodes[:1]
    assert not walk.complete
    assert "no node follows it that knows it" in walk.problems[0].message


def test_a_page_of_zeros_in_a_chain_is_no_end() -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 100, 2])
    link_hlist(memory, HEAD, nodes)
    memory.write(nodes[1] & -PAGE, bytes(PAGE))
    walk = lists.hlists(memory.window(), [HEAD], 0, backed=True)
    assert list(walk) == nodes[:1]
    assert not walk.complete


def test_a_head_in_a_hole_gives_no_nodes_and_says_so() -> None:
    memory = FakeMemory()
    walk = lists.list_head(memory.window(), 0x1234_5678, 0)
    assert list(walk) == []
    assert walk.problems[0].kind == "hole"
    assert "not mapped" in walk.problems[0].message


@given(st.lists(PLACES.filter(lambda p: len(p) < 8), min_size=1, max_size=20))
def test_all_chains_of_a_table_level_by_level(chains: list[list[int]]) -> None:
    memory = FakeMemory()
    heads = [BASE - 8 * len(chains) + 8 * i for i in range(len(chains))]
    expected: list[int] = []
    for i, (head, places) in enumerate(zip(heads, chains, strict=True)):
        nodes = nodes_at(memory, [place + i * 5000 for place in places])
        link_chain(memory, head, nodes)
        expected += nodes
    walk = lists.hlists(memory.window(), heads, 0)
    assert list(walk) == expected
    assert walk.complete
    assert memory.rounds <= 1 + max(map(len, chains))


def test_nulls_chains_know_which_chain_they_are() -> None:
    memory = FakeMemory()
    heads = [BASE, BASE + 8, BASE + 16]
    nodes = nodes_at(memory, [1, 2, 3])
    for i, (head, node) in enumerate(zip(heads, nodes, strict=True)):
        link_chain(memory, head, [node], end=(100 + i) << 1 | 1)
    walk = lists.hlist_nulls(memory.window(), heads, 0, base=100)
    assert list(walk) == nodes
    assert walk.complete
    link_chain(memory, heads[1], [nodes[1]], end=(100 + 2) << 1 | 1)
    walk = lists.hlist_nulls(memory.window(), heads, 0, base=100)
    assert list(walk) == nodes
    assert [p.kind for p in walk.problems] == ["end"]
    assert not walk.complete
    assert lists.hlist_nulls(memory.window(), heads, 0).complete


def test_a_node_in_two_chains_counts_once() -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, [1, 2, 3])
    link_chain(memory, BASE, nodes)
    link_chain(memory, BASE + 8, nodes[2:])
    walk = lists.hlists(memory.window(), [BASE, BASE + 8], 0)
    assert sorted(walk) == sorted(nodes)
    assert {p.kind for p in walk.problems} == {"shared"}


@given(PLACES)
def test_structures_that_point_to_the_next(places: list[int]) -> None:
    memory = FakeMemory()
    nodes = nodes_at(memory, places)
    for node, following in zip(nodes, [*nodes[1:], 0], strict=False):
        memory.word(node + 24, following)
    walk = lists.pointer_chain(memory.window(), nodes[0] if nodes else 0, 24)
    assert list(walk) == nodes
    assert walk.complete


def test_a_window_smaller_than_the_table_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.kernel.structures.walk.BUDGET", 4 * PAGE)
    memory = FakeMemory()
    heads = [BASE + 8 * i for i in range(300)]
    expected = []
    for i, head in enumerate(heads):
        nodes = nodes_at(memory, [100 + (i * 7919) % 2003 + 3000 * depth for depth in range(2)])
        link_chain(memory, head, nodes)
        expected += nodes
    assert list(lists.hlists(memory.window(), heads, 0)) == expected


def test_lists_by_the_kernel_give_objects() -> None:
    memory = FakeMemory()
    kernel = fake_kernel(memory)
    head = memory.allocate(16)
    items = [memory.allocate(kernel.sizeof("struct item")) for _ in range(3)]
    offset = kernel.offset("struct item", "list")
    link_list(memory, head, [item + offset for item in items])
    for number, item in enumerate(items):
        memory.int32(item, number)
    found = kernel.walk_list(head, "struct item", "list")
    assert [int(item.number) for item in found] == [0, 1, 2]
    assert list(found.read(["number"])) == [(0,), (1,), (2,)]
    assert found.addresses == items
    assert found[1].address_ == items[1]
    assert "3 objects of struct item" in repr(found)
