"""Slab caches on a kernel that never was: sums over nodes and CPUs, and what is missing of them."""

from __future__ import annotations

from typing import Any

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.mm import slabs
from crashdrive.linux.mm.nodes import Node
from crashdrive.linux.mm.slabs import SlabCache, slab_caches
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
    LONG,
    PAGE,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

CACHE = record(
    "kmem_cache",
    ("cpu_slab", pointer("struct kmem_cache_cpu")),
    ("flags", ULONG),
    ("size", UINT),
    ("object_size", UINT),
    ("oo", record(None, ("x", UINT))),
    ("refcount", INT),
    ("name", pointer(CHAR)),
    ("list", LIST_HEAD),
    ("node", ArrayType(pointer("struct kmem_cache_node"), 4)),
)
NODE = record(
    "kmem_cache_node",
    ("nr_partial", ULONG),
    ("partial", LIST_HEAD),
    ("nr_slabs", record(None, ("counter", LONG))),
    ("total_objects", record(None, ("counter", LONG))),
)
CPU = record("kmem_cache_cpu", ("slab", pointer("struct slab")), ("partial", pointer("struct slab")))
SLAB = record("slab", ("slab_list", LIST_HEAD), ("slabs", INT), ("inuse", UINT), ("objects", UINT))
TYPES: dict[str, Type] = {
    f"struct {kind.name}": kind for kind in (CACHE, NODE, CPU, SLAB, LIST_HEAD) if kind.name
}


class Caches:
    """One node, one CPU."""

    def __init__(self, monkeypatch: Any) -> None:
        self.memory = FakeMemory()
        self.head = self.memory.allocate(16)
        self.kernel = fake_kernel(self.memory, TYPES, {"slab_caches": self.head})
        monkeypatch.setattr(slabs, "read_nodes", lambda _survey: [Node(0, 0)])
        self.kernel.__dict__["possible_cpus"] = (0,)
        self.kernel.__dict__["_per_cpu_offsets"] = [0]
        self.survey = Survey(self.kernel)
        self.caches: list[int] = []

    def put(self, kind: str, place: int, path: str, value: int) -> None:
        at = place + self.kernel.offset(f"struct {kind}", path)
        size = self.kernel.sizeof(self.kernel.place(f"struct {kind}", path).type)
        self.memory.write(at, value.to_bytes(size, "little", signed=value < 0))

    def cache(self, name: bytes, count: int, objects: int, partial: list[tuple[int, int]]) -> int:
        """A cache of so many slabs, some of them with (objects, in use) on the list of the node."""
        place, node = self.memory.allocate(PAGE, PAGE), self.memory.allocate(PAGE, PAGE)
        text = self.memory.allocate(PAGE, PAGE)
        self.memory.write(text, name)
        cpu, kept = self.memory.allocate(16), self.memory.allocate(SLAB.size)
        for path, value in (
            ("name", text), ("size", 64), ("object_size", 60), ("oo.x", 1 << 16 | 128), ("refcount", -1),
            ("node[0]", node), ("cpu_slab", cpu), ("flags", 0x20000),
        ):  # fmt: skip
            self.put("kmem_cache", place, path, value)
        self.put("kmem_cache_cpu", cpu, "slab", kept)
        self.put("kmem_cache_cpu", cpu, "partial", kept)
        self.put("slab", kept, "slabs", 3)
        self.put("kmem_cache_node", node, "nr_slabs.counter", count)
        self.put("kmem_cache_node", node, "total_objects.counter", objects)
        self.put("kmem_cache_node", node, "nr_partial", len(partial))
        entries = []
        for total, used in partial:
            slab = self.memory.allocate(PAGE, PAGE)
            self.put("slab", slab, "objects", total)
            self.put("slab", slab, "inuse", used)
            entries.append(slab)
        link_list(self.memory, node + self.kernel.offset("struct kmem_cache_node", "partial"), entries)
        self.slabs = entries
        self.node = node
        self.caches.append(place)
        return place

    def read(self, *, every: bool = False) -> list[SlabCache]:
        shift = self.kernel.offset("struct kmem_cache", "list")
        link_list(self.memory, self.head, [place + shift for place in self.caches])
        return list(slab_caches(self.survey, 1 << 20, every=every))


def test_a_cache(monkeypatch: Any) -> None:
    guest = Caches(monkeypatch)
    guest.cache(b"things", 3, 384, [(128, 100), (128, 8)])
    (row,) = guest.read()
    assert (row.name, row.slab_count, row.total_objects, row.active_objects) == ("things", 3, 384, 236)
    assert (row.slab_bytes, row.memory_percent) == (3 * 2 * PAGE, 2.34)
    assert (row.objects_per_slab, row.slab_order, row.shared_by, row.partial_slabs) == (128, 1, 1, 2)
    assert (row.cpu_slabs, row.reclaimable) == (4, True)
    assert guest.survey.complete


def test_a_slab_that_is_missing_leaves_its_cache_without_a_count(monkeypatch: Any) -> None:
    guest = Caches(monkeypatch)
    guest.cache(b"whole", 1, 128, [(128, 7)])
    guest.cache(b"holed", 2, 256, [(128, 7)])
    guest.memory.hole(guest.slabs[0])
    rows = {row.name: row for row in guest.read()}
    assert rows["holed"].active_objects is None
    assert rows["holed"].total_objects == 256
    assert not guest.survey.complete


def test_a_node_that_is_missing(monkeypatch: Any) -> None:
    guest = Caches(monkeypatch)
    guest.cache(b"things", 3, 384, [])
    guest.memory.hole(guest.node)
    (row,) = guest.read()
    assert (row.slab_count, row.total_objects, row.slab_bytes, row.active_objects) == (None,) * 4
    assert not guest.survey.complete


def test_many_partial_slabs_are_left_to_who_asks(monkeypatch: Any) -> None:
    monkeypatch.setattr(slabs, "MOST_PARTIAL", 1)
    guest = Caches(monkeypatch)
    guest.cache(b"things", 3, 384, [(128, 100), (128, 8)])
    (row,) = guest.read()
    assert row.active_objects is None
    assert guest.survey.complete
    assert "--slabs" in guest.survey.notices[0].message
    (row,) = guest.read(every=True)
    assert row.active_objects == 236


def test_an_order_that_cannot_be(monkeypatch: Any) -> None:
    guest = Caches(monkeypatch)
    place = guest.cache(b"things", 3, 384, [])
    guest.put("kmem_cache", place, "oo.x", 0xFFFF_0001)
    (row,) = guest.read()
    assert (row.slab_order, row.slab_bytes) == (None, None)
