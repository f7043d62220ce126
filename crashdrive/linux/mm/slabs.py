"""Slab caches, as in /proc/slabinfo (mm/slub.c); kernels with SLAB or SLOB aren't read.

Free objects that CPUs keep (slabs, sheaves) count as in use, as in /proc; not so in ``kmem -s``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.mm.nodes import read_nodes, scaled
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_CACHE, _NODE, _CPU = "struct kmem_cache", "struct kmem_cache_node", "struct kmem_cache_cpu"
_FIELDS = {
    "name": ("name",),
    "flags": ("flags",),
    "size": ("size",),
    "object_size": ("object_size", "objsize"),
    "form": ("oo.x",),
    "users": ("refcount",),
    "per_cpu": ("cpu_slab",),
}
_NEEDED = ("name", "flags", "size", "form")
_OF_NODE = {
    "slabs": ("nr_slabs.counter",),
    "objects": ("total_objects.counter",),
    "partial": ("nr_partial",),
}
# struct slab took these over from struct page in 5.17 (d122019bf061)
_OF_SLAB = {"inuse": ("inuse",), "objects": ("objects",)}
# OO_SHIFT and OO_MASK of mm/slub.c
_ORDER_SHIFT, _OBJECTS = 16, 0xFFFF
# by number until 6.9 (cc61eb851461) made an enumeration of the bits
_RECLAIMABLE = 0x2_0000
_BITS = "enum _slab_flag_bits"
# a walk takes a step for each slab of the longest list; longer lists are walked on request alone
MOST_PARTIAL = 10_000


class SlabCache(Record, frozen=True):
    """A cache of objects of one size.

    ``active_objects``: in use, or in a CPU's slabs, of ``total_objects``. ``slab_bytes``: memory of all its
    ``slab_count`` slabs. ``reclaimable``: the kernel can shrink it (inodes, dentries). ``shared_by``: how
    many caches were merged into it. ``cpu_slabs``: slabs of CPUs.
    """

    name: str | None
    slab_bytes: int | None
    memory_percent: float | None
    total_objects: int | None
    active_objects: int | None
    slab_count: int | None
    object_bytes: int | None
    stride_bytes: int | None
    objects_per_slab: int | None
    slab_order: int | None
    reclaimable: bool | None
    shared_by: int | None
    cpu_slabs: int | None
    partial_slabs: int | None
    kmem_cache: Address


class _Counts(NamedTuple):
    """Sums over nodes; ``free``: free objects in partial slabs."""

    slabs: int | None
    objects: int | None
    partial: int | None
    free: int | None


def slab_caches(survey: Survey, total: int | None = None, *, every: bool = False) -> Iterator[SlabCache]:
    """All caches, the one with the most memory first.

    ``total``: the machine's memory in bytes, for percents. ``every``: count objects also where a cache has
    more than 10,000 partial slabs.
    """
    kernel = survey.kernel
    found = kernel.walk_list(kernel.symbols.address("slab_caches"), _CACHE, "list")
    survey.walked(found, "slab caches")
    rows = survey.addressed(Fields(kernel, _CACHE, _FIELDS, _NEEDED), found.addresses, "slab caches")
    names = texts(survey, (row["name"] for _, row in rows), "names of slab caches")
    counts = _counts(survey, found.addresses, every=every)
    kept = _kept(survey, [row["per_cpu"] for _, row in rows])
    bit = _reclaimable(kernel)
    made = [
        _cache(kernel, address, row, names[row["name"]], counts[address], own, bit, total)
        for (address, row), own in zip(rows, kept, strict=True)
    ]
    yield from sorted(made, key=lambda one: -(one.slab_bytes or 0))


def _cache(
    kernel: Machine,
    address: int,
    row: Mapping[str, Any],
    name: str | None,
    counts: _Counts,
    kept: int | None,
    bit: int,
    total: int | None,
) -> SlabCache:
    form, flags = row["form"], row["flags"]
    # an order from a damaged word would make numbers of astronomical size
    order = None if form is None or form >> _ORDER_SHIFT >= 8 * kernel.pointer_size else form >> _ORDER_SHIFT
    size = None if order is None else scaled(counts.slabs, kernel.page_size << order)
    active = None
    if counts.objects is not None and counts.free is not None:
        active = max(counts.objects - counts.free, 0)
    return SlabCache(
        name=name,
        slab_bytes=size,
        memory_percent=None if size is None or not total else round(100 * size / total, 2),
        total_objects=counts.objects,
        active_objects=active,
        slab_count=counts.slabs,
        object_bytes=row["object_size"],
        stride_bytes=row["size"],
        objects_per_slab=None if form is None else form & _OBJECTS,
        slab_order=order,
        reclaimable=None if flags is None else bool(flags & bit),
        # -1 for a cache that can't be merged
        shared_by=None if row["users"] is None else max(row["users"], 1),
        cpu_slabs=kept,
        partial_slabs=counts.partial,
        kmem_cache=address,
    )


def _reclaimable(kernel: Machine) -> int:
    if kernel.has_type(_BITS):
        return 1 << kernel.enumerators(_BITS)["_SLAB_RECLAIM_ACCOUNT"]
    return _RECLAIMABLE


def _counts(survey: Survey, caches: Sequence[int], *, every: bool) -> dict[int, _Counts]:
    kernel = survey.kernel
    fields = Fields(kernel, _NODE, _OF_NODE, ("slabs", "objects", "partial"))
    # beside what a node keeps filled for CPUs, in kernels that have sheaves
    place = "per_node[{}].node" if kernel.has_member(_CACHE, "per_node") else "node[{}]"
    paths = [place.format(node.number) for node in read_nodes(survey)]
    pointers = survey.gaps(kernel.read_many(_CACHE, caches, paths), "slab caches")
    places = [place for row in pointers for place in row if place]
    rows = dict(zip(places, survey.rows(fields, places, "nodes of slab caches"), strict=True))
    wanted = [place for place in places if every or (rows[place]["partial"] or 0) <= MOST_PARTIAL]
    if len(wanted) < len(places):
        message = f"objects in use of {len(places) - len(wanted)} caches aren't counted: --slabs counts them"
        survey.miss([Notice(kind="absent", message=message)], complete=True)
    free = _free(survey, [place for place in wanted if rows[place]["partial"]])
    free |= {place: 0 for place in wanted if rows[place]["partial"] == 0}
    found = {}
    for cache, row in zip(caches, pointers, strict=True):
        own = [place for place in row if place]
        # a missing pointer is None, that of a node without memory is NULL
        lost = None in row
        sums = {name: _sum([rows[place][name] for place in own], lost=lost) for name in _OF_NODE}
        found[cache] = _Counts(**sums, free=_sum([free.get(place) for place in own], lost=lost))
    return found


def _sum(parts: Sequence[int | None], *, lost: bool) -> int | None:
    return None if lost or None in parts else sum(part for part in parts if part is not None)


def _free(survey: Survey, nodes: Sequence[int]) -> dict[int, int | None]:
    """Free objects in each node's partial slabs: count_partial()."""
    kernel = survey.kernel
    slab, link = ("struct slab", "slab_list") if kernel.has_type("struct slab") else ("struct page", "lru")
    offset = kernel.offset(_NODE, "partial")
    walked = kernel.walk_lists([node + offset for node in nodes], slab, link)
    survey.walked(walked, "slabs that are partly used")
    fields = Fields(kernel, slab, _OF_SLAB, ("inuse", "objects"))
    rows = survey.rows(fields, walked.addresses, "slabs that are partly used")
    found: dict[int, int | None] = dict.fromkeys(nodes, 0 if walked.complete else None)
    for number, row in zip(walked.walk.lists, rows, strict=True):
        before, objects, inuse = found[nodes[number]], row["objects"], row["inuse"]
        known = before is not None and objects is not None and inuse is not None
        found[nodes[number]] = before + objects - inuse if known else None
    return found


def _kept(survey: Survey, pointers: Sequence[int | None]) -> list[int | None]:
    """Slabs of CPUs, by cache: each CPU's active slab, and those on its partial list."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    wanted = {
        "slab": ("slab", "page"),
        "list": ("partial",),
        "more": ("partial->slabs", "partial->pages"),
    }
    if not kernel.has_type(_CPU):
        return [None] * len(pointers)
    fields = Fields(kernel, _CPU, wanted, ("slab",))
    places = [kernel.per_cpu_address(pointer, cpu) for pointer in pointers if pointer for cpu in cpus]
    rows = iter(survey.rows(fields, places, "slabs that CPUs keep"))
    found: list[int | None] = []
    for pointer in pointers:
        own = [next(rows) for _ in cpus] if pointer else []
        lost = any(row["slab"] is None or (row["list"] and row["more"] is None) for row in own)
        kept = sum(bool(row["slab"]) + ((row["more"] or 0) if row["list"] else 0) for row in own)
        found.append(None if lost or pointer is None else kept)
    return found
