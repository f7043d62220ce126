"""``kmem -S``, ``-s ADDRESS``: slab caches with their slabs and objects.

There are three forms: of the slab allocator of 2.2 (``kmem_bufctl_t``), of SLAB with per-cpu caches (``(cpu N
cache)``), and of SLUB, with a part for each CPU and each node. Source in crash: ``do_slab_chain()``,
``do_slab_slub()``, ``do_kmem_cache_slub()``, ``do_node_lists_slub()`` (memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, SIGNED, Column
from crashdrive.parsers.kmem.caches import SlabCache, cache_columns, demand_caches, ignored_cache
from crashdrive.records import Address, Record


class SlabObject(Record, frozen=True):
    """An object of a slab.

    ``state``: ``allocated``, ``free``, ``cpu`` (free, in the cache of ``cpu``), ``shared`` (free, in the
    shared cache), or crash's own words for an address that is no object.
    """

    address: Address
    state: str
    cpu: int | None = None


class Slab(Record, frozen=True):
    """A slab: its address, its memory's address, node, objects in all, in use and free.

    ``place``: its list (``cpu 0``, ``cpu 0 partial``, ``node 0 partial``, ``node 0 full``); None where crash
    doesn't say. ``objects`` is empty where crash lists none.
    """

    slab: Address
    memory: Address
    total: int
    allocated: int
    free: int
    node: int | None = None
    place: str | None = None
    objects: tuple[SlabObject, ...] = ()


class SlabCpu(Record, frozen=True):
    """A CPU's share of a cache: the address of its ``struct kmem_cache_cpu``."""

    cpu: int
    kmem_cache_cpu: Address | None = None
    offline: bool = False


class SlabNode(Record, frozen=True):
    """A node's share of a cache: the address of its ``struct kmem_cache_node``, and how many slabs it has.

    ``full_tracked``: whether the kernel keeps a list of full slabs; None where crash broke off before.
    """

    kmem_cache_node: Address
    node: int
    slabs: int
    partial: int
    per_cpu: int
    full_tracked: bool | None = None


class SlabCacheContents(Record, frozen=True):
    """A slab cache with its slabs and objects (``kmem -S``, or ``kmem -s ADDRESS``)."""

    cache: SlabCache
    slabs: tuple[Slab, ...]
    cpus: tuple[SlabCpu, ...] = ()
    nodes: tuple[SlabNode, ...] = ()


class _List(NamedTuple):
    """A list of slabs; ``tracked``: whether the kernel keeps it; None where crash broke off before."""

    place: str
    slabs: tuple[Slab, ...] = ()
    tracked: bool | None = None


def caches_with_slabs() -> g.ParserElement:
    """Caches, and below each a part for each CPU and node (SLUB), or the slabs alone (SLAB)::

    CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
    ffff8c3b011b7300     8328        145       156     52    32k  task_struct
    CPU 0 KMEM_CACHE_CPU:
      ffff8c3b1de379b0
    CPU 0 SLAB:
      (one slab)
    CPU 0 PARTIAL:
      (empty)
    KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
    ffff8c3b010468c0     0     52        0       1
    NODE 0 PARTIAL:
      (empty)
    NODE 0 FULL:
      (not tracked)
    """
    return g.entries(
        SlabCache,
        *cache_columns(),
        what="slab caches",
        also=ignored_cache(),
        below=_parts,
        join=_contents,
    )


def _parts() -> g.ParserElement:
    """The lines below a cache."""
    slabs = _slabs()
    part = _cpu() | _offline() | _cpu_list(slabs) | _node(slabs) | slabs
    part.set_name("a slab, or a CPU or node of it")
    return g.Many(part, between=g.noise(blank=False), until=g.Anything(), least=0)


def contents() -> g.ParserElement:
    """``kmem -S``: caches one after the other."""
    caches = caches_with_slabs()
    return g.Many(caches, least=0, resume=caches)


_SLAB_TITLES = expression(r"^ *SLAB +MEMORY ", re.MULTILINE)


def has_slabs(text: str) -> bool:
    """Whether slabs stand below the caches."""
    return _SLAB_TITLES.search(text) is not None


def _slabs() -> g.ParserElement:
    """A slab and its objects, those in use in brackets::

    SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
    fffff197407b4a00  ffff8c3b1ed28000     0      3          1     2
    FREE / [ALLOCATED]
     ffff8c3b1ed28000  (cpu 0 cache)
    [ffff8c3b1ed2a0c0]
    """
    one = g.Row(
        r" {2}(?:\[([0-9a-f]{1,16}+)\]| ([0-9a-f]{1,16}+)(?: {1,2}\(([^\n]{1,40}?)\))?)",
        _object,
        "an object of a slab: [ADDRESS]",
    )
    title = g.Titles("FREE", "/", "[ALLOCATED]")
    objects = g.Rows(one, between=g.noise(blank=False), until=g.Anything(), least=0)
    return g.entries(
        Slab,
        Column("SLAB", "slab", HEX),
        Column("MEMORY", "memory", HEX),
        Column("NODE", "node", SIGNED),
        Column("TOTAL", "total", SIGNED),
        Column("ALLOCATED", "allocated", SIGNED),
        Column("FREE", "free", SIGNED),
        what="slabs",
        below=g.Opt(title) + objects,
        join=_with_objects,
        bare=True,
    )


def _list(title: str, name: str, slabs: g.ParserElement) -> g.ParserElement:
    """``CPU 0 PARTIAL:`` and its slabs, ``(empty)``, or nothing where crash broke off."""
    head = g.Row(title, lambda row: row, f"a list of slabs: {name}")
    none = g.Row(r" *+\((empty|not tracked)\)", lambda row: row[1] == "empty", "(empty) or (not tracked)")
    some = g.Many(slabs, between=g.noise(blank=False), until=g.Anything(), least=0)
    return g.made(head + g.Opt(none | some), _listed)


def _listed(text: g.Text, place: int, values: list[Any]) -> _List:
    head, *found = values
    where = f"{head[1].lower()} {int(head[2])}"
    if head[3] != "SLAB":
        where += f" {head[3].lower()}"
    elif len(found) > 1:
        text.misfit(place, "a CPU has one slab of its own")
    if not found or isinstance(found[0], bool):
        return _List(where, tracked=found[0] if found else None)
    return _List(where, tuple(replace(slab, place=where) for slab in found), tracked=True)


def _cpu() -> g.ParserElement:
    head = g.Row(r"CPU (\d{1,6}+) KMEM_CACHE_CPU:", lambda row: int(row[1]), "CPU N KMEM_CACHE_CPU:")
    address = g.Row(r" {2}([0-9a-f]{1,16}+)", lambda row: int(row[1], 16), "an address")
    return g.made(head + address, lambda _text, _place, found: SlabCpu(cpu=found[0], kmem_cache_cpu=found[1]))


def _offline() -> g.ParserElement:
    return g.Row(
        r"CPU (\d{1,6}+) \[OFFLINE\]",
        lambda row: SlabCpu(cpu=int(row[1]), offline=True),
        "CPU N [OFFLINE]",
    )


def _cpu_list(slabs: g.ParserElement) -> g.ParserElement:
    return _list(r"(CPU) (\d{1,6}+) (SLAB|PARTIAL):", "CPU N SLAB:", slabs)


def _node(slabs: g.ParserElement) -> g.ParserElement:
    partial, full = (
        _list(rf"(NODE) (\d{{1,6}}+) ({kind}):", f"NODE N {kind}:", slabs) for kind in ("PARTIAL", "FULL")
    )
    return g.entries(
        SlabNode,
        Column("KMEM_CACHE_NODE", "kmem_cache_node", HEX),
        Column("NODE", "node", DECIMAL),
        Column("SLABS", "slabs", DECIMAL),
        Column("PARTIAL", "partial", DECIMAL),
        Column("PER-CPU", "per_cpu", DECIMAL),
        what="nodes",
        below=g.Opt(partial) + g.Opt(full),
        join=lambda _text, _place, node, lists: (node, lists),
    )


def _object(row: re.Match[str]) -> SlabObject:
    if row[1]:
        return SlabObject(address=int(row[1], 16), state="allocated")
    mark = row[3] or "free"
    cpu = re.fullmatch(r"cpu (\d{1,6}) cache", mark)
    if cpu:
        return SlabObject(address=int(row[2], 16), state="cpu", cpu=int(cpu[1]))
    return SlabObject(address=int(row[2], 16), state="shared" if mark == "shared cache" else mark)


def _with_objects(text: g.Text, place: int, slab: Slab, objects: list[SlabObject]) -> Slab:
    if len(objects) > 1 and len(objects) != slab.total:
        message = f"slab {slab.slab:x} has {slab.total} objects, {len(objects)} are listed"
        text.note(place, "partial", message, incomplete=True, late=True)
    return replace(slab, objects=tuple(objects))


def _contents(text: g.Text, place: int, cache: SlabCache, parts: list[Any]) -> SlabCacheContents:
    """The cache with its parts; marked where a node has not as many partial slabs as crash counted."""
    slabs: list[Slab] = []
    nodes: list[SlabNode] = []
    for part in parts:
        if isinstance(part, Slab):
            slabs.append(part)
        elif isinstance(part, _List):
            slabs += part.slabs
        elif isinstance(part, tuple):
            node, lists = part
            nodes.append(_with_lists(text, place, node, lists))
            slabs += [slab for one in lists for slab in one.slabs]
    if len({node.node for node in nodes}) < len(nodes):
        text.misfit(place, "a node that stands twice")
    cpus = [part for part in parts if isinstance(part, SlabCpu)]
    if (cpus or nodes) and any(slab.place is None for slab in slabs):
        text.misfit(place, "a slab behind no title of a list of slabs")
    return SlabCacheContents(cache=cache, slabs=tuple(slabs), cpus=tuple(cpus), nodes=tuple(nodes))


def _with_lists(text: g.Text, place: int, node: SlabNode, lists: Sequence[_List]) -> SlabNode:
    slabs = {one.place: one.slabs for one in lists}
    listed = len(slabs.get(f"node {node.node} partial", ()))
    if listed != node.partial:
        message = f"node {node.node} has {node.partial} partial slabs, {listed} are listed"
        text.note(place, "partial", message, incomplete=True, late=True)
    tracked = next((one.tracked for one in lists if one.place == f"node {node.node} full"), None)
    return replace(node, full_tracked=tracked)


def check_contents(source: Source, caches: list[SlabCacheContents]) -> list[SlabCacheContents]:
    """The caches. An empty output is an error, unless the command line names a cache."""
    demand_caches(source, caches)
    return caches
