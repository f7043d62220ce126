"""Red-black trees, xarrays, radix trees, idrs and maple trees, built here and walked again."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import FaultError
from crashdrive.kernel.series import Objects
from crashdrive.kernel.structures.xarray import ZERO_ENTRY, Entries
from crashdrive.kernel.types.model import ArrayType, EnumType, Type, TypeRef
from crashdrive.linux.kernel import Kernel
from tests.kernel.fake_memory import (
    BASE,
    INT,
    LIST_HEAD,
    PAGE,
    U8,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)
from tests.strategies import distinct

RB_NODE = record(
    "rb_node",
    ("__rb_parent_color", ULONG),
    ("rb_right", pointer("struct rb_node")),
    ("rb_left", pointer("struct rb_node")),
)
THING = record("thing", ("value", INT), ("node", RB_NODE))
RB_TYPES: dict[str, Type] = {
    "struct rb_node": RB_NODE,
    "struct rb_root": record("rb_root", ("rb_node", pointer("struct rb_node"))),
    "struct thing": THING,
}
NODE = 8  # offset of THING.node
SPREAD = 700  # bytes between things: several to a page, some pages far from each other


def thing(value: int) -> int:
    return BASE + PAGE + value * SPREAD // 8 * 8


def plant(memory: FakeMemory, values: list[int], parent: int = 0) -> int:
    """A balanced tree of sorted values; the address of its root's node, 0 for none."""
    if not values:
        return 0
    middle = len(values) // 2
    node = thing(values[middle]) + NODE
    left = plant(memory, values[:middle], node)
    right = plant(memory, values[middle + 1 :], node)
    memory.word(node, parent | 1, right, left)
    return node


def tree_of(values: list[int]) -> tuple[FakeMemory, Kernel]:
    memory = FakeMemory()
    memory.word(BASE, plant(memory, sorted(values)))
    return memory, fake_kernel(memory, RB_TYPES)


VALUES = distinct(0, 3000, 80)


@given(VALUES)
def test_a_red_black_tree_comes_in_its_order(values: list[int]) -> None:
    memory, kernel = tree_of(values)
    found = kernel.walk_rbtree(BASE, "struct thing", "node")
    assert list(found.addresses) == [thing(value) for value in sorted(values)]
    assert found.complete
    assert memory.rounds <= len(values).bit_length()


@given(VALUES.filter(bool), st.data())
def test_holes_in_a_tree_lose_their_branches_alone(values: list[int], data: st.DataObject) -> None:
    memory, kernel = tree_of(values)
    lost = thing(data.draw(st.sampled_from(values))) + NODE
    memory.hole(lost)
    found = kernel.walk_rbtree(BASE, "struct thing", "node")
    everything = [thing(value) for value in sorted(values)]
    kept = set(found.addresses)
    assert list(found.addresses) == [address for address in everything if address in kept]
    assert lost - NODE not in kept
    assert not found.complete
    assert {p.kind for p in found.problems} == {"hole"}


def test_a_tree_that_bites_itself_ends() -> None:
    memory, kernel = tree_of([1, 2, 3, 4, 5])
    memory.word(thing(1) + NODE + 16, thing(3) + NODE)
    found = kernel.walk_rbtree(BASE, "struct thing", "node")
    assert list(found.addresses) == [thing(v) for v in (1, 2, 3, 4, 5)]
    assert not found.complete
    assert "was there before" in found.problems[0].message


def test_a_child_of_another_parent_is_no_child() -> None:
    memory, kernel = tree_of([1, 2, 3])
    memory.word(thing(1) + NODE, 0xFFFF_8880_0100_0000)
    found = kernel.walk_rbtree(BASE, "struct thing", "node")
    assert list(found.addresses) == [thing(2), thing(3)]
    assert "another parent" in found.problems[0].message


SLOTS = 8
XA_NODE = record(
    "xa_node",
    ("shift", U8),
    ("offset", U8),
    ("count", U8),
    ("parent", pointer("struct xa_node")),
    ("slots", ArrayType(pointer("void"), SLOTS)),
)
XARRAY = record("xarray", ("flags", INT), ("xa_head", pointer("void")))
IDR = record("idr", ("idr_rt", XARRAY), ("idr_base", INT), ("idr_next", INT))
XA_TYPES: dict[str, Type] = {"struct xa_node": XA_NODE, "struct xarray": XARRAY, "struct idr": IDR}
RADIX_TYPES: dict[str, Type] = {
    "struct radix_tree_node": XA_NODE,
    "struct radix_tree_root": record("radix_tree_root", ("gfp", INT), ("rnode", pointer("void"))),
    "struct idr": record(
        "idr", ("idr_rt", record("radix_tree_root", ("gfp", INT), ("rnode", pointer("void"))))
    ),
}
BITS = SLOTS.bit_length() - 1


def store(memory: FakeMemory, entries: dict[int, int], shift: int, base: int, mark: int) -> int:
    """A node for the entries at base and above, and those below it; its marked address."""
    node = memory.allocate(XA_NODE.size)
    memory.write(node, bytes([shift]))
    for slot in range(SLOTS):
        low = base + (slot << shift)
        inside = {i: e for i, e in entries.items() if low <= i < low + (1 << shift)}
        if not inside:
            continue
        value = inside[low] if shift == 0 else store(memory, inside, shift - BITS, low, mark)
        memory.word(node + 16 + 8 * slot, value)
    return node + mark


def xarray_of(entries: dict[int, int], mark: int) -> tuple[FakeMemory, Kernel]:
    memory = FakeMemory()
    memory.allocate(64)
    highest = max(entries, default=0)
    if list(entries) == [0] and mark == 2:
        head = entries[0]
    elif not entries:
        head = 0
    else:
        shift = 0
        while highest >> (shift + BITS):
            shift += BITS
        head = store(memory, entries, shift, 0, mark)
    memory.word(BASE + 8, head)
    return memory, fake_kernel(memory, XA_TYPES if mark == 2 else RADIX_TYPES)


ENTRIES = st.dictionaries(
    st.integers(0, 100_000), st.integers(1, 1 << 40).map(lambda n: 0xFFFF_8880_0000_0000 + 8 * n), max_size=40
)


@given(ENTRIES, st.sampled_from([1, 2]))
def test_an_xarray_and_a_radix_tree(entries: dict[int, int], mark: int) -> None:
    memory, kernel = xarray_of(entries, mark)
    found = kernel.walk_xarray(BASE)
    assert list(found) == sorted(entries.items())
    assert found.complete
    assert memory.rounds <= 7


def test_values_zero_entries_and_siblings() -> None:
    entries = {3: 0x15, 4: ZERO_ENTRY, 5: 3 << 2 | 2, 6: 0xFFFF_8880_0000_1000}
    _, kernel = xarray_of(entries, 2)
    assert list(kernel.walk_xarray(BASE)) == [(3, 0x15), (6, 0xFFFF_8880_0000_1000)]
    sibling = {1: 0xFFFF_8880_0000_1000, 2: BASE + 64 + 16 + 8 + 1, 3: 0x16}
    _, kernel = xarray_of(sibling, 1)
    assert list(kernel.walk_xarray(BASE)) == [(1, 0xFFFF_8880_0000_1000), (3, 0x16)]


@given(ENTRIES.filter(lambda e: len(e) > 1), st.data())
def test_a_hole_in_an_xarray(entries: dict[int, int], data: st.DataObject) -> None:
    memory, kernel = xarray_of(entries, 2)
    pages = [page for page in memory.pages if page != BASE // PAGE]
    if not pages:
        return
    memory.hole(data.draw(st.sampled_from(pages)) * PAGE)
    found = kernel.walk_xarray(BASE)
    assert set(found) <= set(entries.items())
    assert found.complete == (len(found) == len(entries))


def test_a_loop_in_an_xarray_ends() -> None:
    memory, kernel = xarray_of({1: BASE + 0x8000, 9: BASE + 0x9000}, 2)
    (head,) = struct.unpack("<Q", memory.read(BASE + 8, 8))
    memory.word(head - 2 + 16 + 24, head)
    found = kernel.walk_xarray(BASE)
    assert len(found) == 2
    assert found.problems[0].kind == "loop"


@given(ENTRIES)
def test_an_idr_counts_from_its_base(entries: dict[int, int]) -> None:
    memory, kernel = xarray_of(entries, 2)
    memory.int32(BASE + 16, 1)
    assert list(kernel.walk_idr(BASE)) == [(index + 1, entry) for index, entry in sorted(entries.items())]


def test_entries_of_an_idr_that_are_no_pointers_are_problems() -> None:
    good, value, torn = 0xFFFF_8880_0000_1000, 0x17, (1 << 64) - 1
    _, kernel = xarray_of({1: good, 2: value, 5: torn}, 2)
    found = kernel.walk_idr(BASE)
    assert list(found) == [(1, good)]
    assert not found.complete
    assert [problem.message for problem in found.problems] == [
        "entry 2: 0x17 is no pointer (unaligned)",
        "entry 5: 0xffffffffffffffff is no pointer (unaligned)",
    ]
    assert list(kernel.walk_idr(BASE, values=True)) == [(1, good), (2, value), (5, torn)]


LAYER = record("idr_layer", ("prefix", INT), ("layer", INT), ("ary", ArrayType(pointer("void"), SLOTS)))
OLD_IDR: dict[str, Type] = {
    "struct idr_layer": LAYER,
    "struct idr": record("idr", ("hint", pointer("void")), ("top", pointer("struct idr_layer"))),
}


def layers(memory: FakeMemory, entries: dict[int, int], height: int, base: int) -> int:
    layer = memory.allocate(LAYER.size)
    memory.int32(layer + 4, height)
    for slot in range(SLOTS):
        low = base + (slot << (BITS * height))
        inside = {i: e for i, e in entries.items() if low <= i < low + (1 << (BITS * height))}
        if inside:
            below = inside[low] if height == 0 else layers(memory, inside, height - 1, low)
            memory.word(layer + 8 + 8 * slot, below)
    return layer


@given(ENTRIES)
def test_an_idr_of_layers(entries: dict[int, int]) -> None:
    memory = FakeMemory()
    memory.allocate(16)
    if entries:
        memory.word(BASE + 8, layers(memory, entries, 5, 0))
    assert list(fake_kernel(memory, OLD_IDR).walk_idr(BASE)) == sorted(entries.items())


META = record("maple_metadata", ("end", U8), ("gap", U8))


def maple_types() -> dict[str, Type]:
    """include/linux/maple_tree.h for 64 bits: 16 slots and 15 pivots, or 10 and 9 with gaps."""
    short = record(
        None, ("pad", ArrayType(pointer("void"), 15)), ("meta", META)
    )  # meta lies where the last slot would be
    slots = record(None, ("slot", ArrayType(pointer("void"), 16)), (None, short), kind="union")
    mr64 = record(
        "maple_range_64", ("parent", pointer("void")), ("pivot", ArrayType(ULONG, 15)), (None, slots)
    )
    ma64 = record(
        "maple_arange_64",
        ("parent", pointer("void")),
        ("pivot", ArrayType(ULONG, 9)),
        ("slot", ArrayType(pointer("void"), 10)),
        ("gap", ArrayType(ULONG, 10)),
        ("meta", META),
    )
    node = record(None, ("mr64", mr64), ("ma64", ma64), ("pad", ArrayType(U8, 256)), kind="union")
    names = ("maple_dense", "maple_leaf_64", "maple_range_64", "maple_arange_64")
    return {
        "struct maple_node": record("maple_node", (None, node)),
        "struct maple_tree": record("maple_tree", ("ma_flags", INT), ("ma_root", pointer("void"))),
        "enum maple_type": EnumType(
            "maple_type", 4, signed=False, enumerators=tuple(zip(names, range(4), strict=True))
        ),
    }


LEAF, RANGE, ARANGE = 1, 2, 3
MAX = (1 << 64) - 1


def maple_node(memory: FakeMemory, kind: int, slots: list[tuple[int, int]], last: int) -> int:
    """A node of (last index, entry); its encoded address."""
    room = 9 if kind == ARANGE else 15
    node = memory.allocate(256, align=256)
    pivots = [end for end, _ in slots[:room]]
    if kind == ARANGE or (len(slots) <= room and (len(slots) < room or last == MAX)):
        # the last pivot of a node that isn't full stays 0 where the parent knows it
        pivots = pivots[: len(slots) - 1] if len(slots) <= room else pivots
    memory.word(node + 8, *pivots)
    memory.word(node + 8 + 8 * room, *(entry for _, entry in slots))
    if kind == ARANGE:
        memory.write(node + 8 + 8 * 9 + 8 * 10 + 8 * 10, bytes([len(slots) - 1]))
    elif len(slots) < 16 and not (len(pivots) == room and pivots[-1]):
        memory.write(node + 8 + 8 * 15 + 8 * 15, bytes([len(slots) - 1]))
    return node | kind << 3 | 4


def maple_of(ends: list[int], inner: int) -> tuple[FakeMemory, Kernel, list[tuple[int, int, int]]]:
    """A tree whose ranges end at these indices and at the largest; every third one is empty."""
    memory = FakeMemory()
    memory.allocate(16)
    ranges = []
    first = 0
    for number, last in enumerate([*ends, MAX]):
        ranges.append((first, last, 0 if number % 3 == 2 else 0xFFFF_8880_1000_0000 + 256 * number))
        first = last + 1
    level = [(last, entry) for _, last, entry in ranges]
    kind = LEAF
    while kind == LEAF or len(level) > 1:
        size = 7 if kind != ARANGE else 9
        groups = [level[i : i + size] for i in range(0, len(level), size)]
        level = [(group[-1][0], maple_node(memory, kind, group, group[-1][0])) for group in groups]
        kind = inner
    memory.word(BASE + 8, level[0][1] | 2)
    return memory, fake_kernel(memory, maple_types()), [r for r in ranges if r[2]]


ENDS = distinct(1, MAX - 1, 70).map(sorted)


@given(ENDS, st.sampled_from([RANGE, ARANGE]))
def test_a_maple_tree(ends: list[int], inner: int) -> None:
    memory, kernel, ranges = maple_of(ends, inner)
    found = kernel.walk_maple(BASE)
    assert list(found) == ranges
    assert found.complete
    assert memory.rounds <= 4


@given(ENDS.filter(lambda e: len(e) > 20), st.data())
def test_a_hole_in_a_maple_tree(ends: list[int], data: st.DataObject) -> None:
    memory, kernel, ranges = maple_of(ends, ARANGE)
    memory.hole(data.draw(st.sampled_from(sorted(memory.pages))) * PAGE)
    if BASE // PAGE in memory.holes:
        return
    found = kernel.walk_maple(BASE)
    assert set(found) <= set(ranges)
    assert not found.complete


def test_maple_trees_without_nodes() -> None:
    memory = FakeMemory()
    memory.allocate(16)
    kernel = fake_kernel(memory, maple_types())
    assert list(kernel.walk_maple(BASE)) == []
    memory.word(BASE + 8, 0xFFFF_8880_0000_1000)
    assert list(kernel.walk_maple(BASE)) == [(0, 0, 0xFFFF_8880_0000_1000)]


def test_a_maple_tree_of_nonsense() -> None:
    memory, kernel, _ = maple_of(list(range(100, 5000, 100)), ARANGE)
    memory.word(BASE + 8, 0xFFFF_8880_0000_4000 | 9 << 3 | 6)
    found = kernel.walk_maple(BASE)
    assert not found.complete
    assert "no node" in found.problems[0].message


ROOTS: dict[str, Type] = RB_TYPES | {
    "struct xarray": record("xarray", ("xa_head", pointer(ULONG))),
    "struct xa_node": record("xa_node", ("shift", U8), ("slots", ArrayType(pointer(ULONG), 64))),
    "struct idr": record("idr", ("idr_rt", TypeRef("struct xarray", 8)), ("idr_base", INT)),
    "struct plist_head": record("plist_head", ("node_list", LIST_HEAD)),
    "struct plist_node": record("plist_node", ("prio", INT), ("node_list", LIST_HEAD)),
    "struct job": record("job", ("number", ULONG), ("node", TypeRef("struct plist_node", 24))),
}


@pytest.mark.parametrize("head", [0, 8, 0xDEAD_0000_0000_0100, BASE + (1 << 20), 1 << 63])
def test_roots_that_cannot_be_read_are_problems_and_no_errors(head: int) -> None:
    kernel = fake_kernel(FakeMemory(), ROOTS)
    found: list[Objects | Entries] = [
        kernel.walk_rbtree(head, "struct thing", "node"),
        kernel.walk_plist(head, "struct job", "node"),
        kernel.walk_xarray(head),
        kernel.walk_idr(head),
    ]
    for each in found:
        assert len(each) == 0
        assert not each.complete
        assert each.problems[0].kind == "hole"
        with pytest.raises(FaultError, match="after 0 found"):
            each.check()


def test_a_priority_list_comes_in_its_order() -> None:
    memory = FakeMemory()
    kernel = fake_kernel(memory, ROOTS)
    head, *jobs = (memory.allocate(64) for _ in range(4))
    jobs.reverse()
    place = kernel.offset("struct job", "node.node_list")
    link_list(memory, head, [job + place for job in jobs])
    assert list(kernel.walk_plist(head, "struct job", "node").check().addresses) == jobs
