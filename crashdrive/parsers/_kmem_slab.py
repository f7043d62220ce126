"""``kmem -s``, ``-S``, ``-r``: slab caches, their slabs, their objects.

Three generations print here: the slab allocator of 2.2 (``kmem_bufctl_t``), the one with per-cpu caches
(``(cpu N cache)``), and SLUB, which prints a part for each CPU and each node. Source in crash: memory.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import (
    DECIMAL,
    GAP,
    HEX,
    KILOBYTES,
    SIGNED,
    TEXT,
    Column,
    Layout,
    Table,
    or_none,
)
from crashdrive.parsers.grammar.cursor import Cursor, mark_unknown, say_empty
from crashdrive.records import Address, Record


class SlabCache(Record, frozen=True):
    """A slab cache: address, name, bytes of an object, objects in use and in all, slabs, bytes of a slab.

    The counts are None where crash couldn't gather them (``?``) or was told to leave the cache out
    (``ignored``, ``kmem -I``).
    """

    cache: Address
    name: str
    objsize: int | None = None
    allocated: int | None = None
    total: int | None = None
    slabs: int | None = None
    ssize: int | None = None
    ignored: bool = False


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

    ``place`` says which list it is on: ``cpu 0``, ``cpu 0 partial``, ``node 0 partial``, ``node 0 full``;
    None where crash doesn't say. ``objects`` is empty where crash lists none.
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
    """A node's share of a cache: its ``struct kmem_cache_node``, numbers of slabs.

    ``full_tracked``: whether the kernel keeps a list of the full slabs; None where crash didn't get there.
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


class SlabCacheName(Record, frozen=True):
    """Address and name of a slab cache (``kmem -s list``)."""

    cache: Address
    name: str


_COUNT = or_none(SIGNED, r"\?")
CACHES = Table(
    SlabCache,
    Column("CACHE", "cache", HEX),
    Column("NAME", "name", TEXT),  # the second column before crash 7.2.4, the last one since
    Column("OBJSIZE", "objsize", DECIMAL),
    Column("ALLOCATED", "allocated", _COUNT),
    Column("TOTAL", "total", _COUNT),
    Column("SLABS", "slabs", _COUNT),
    Column("SSIZE", "ssize", KILOBYTES),
)
_SLABS = Table(
    Slab,
    Column("SLAB", "slab", HEX),
    Column("MEMORY", "memory", HEX),
    Column("NODE", "node", SIGNED),
    Column("TOTAL", "total", SIGNED),
    Column("ALLOCATED", "allocated", SIGNED),
    Column("FREE", "free", SIGNED),
)
_NODES = Table(
    SlabNode,
    Column("KMEM_CACHE_NODE", "kmem_cache_node", HEX),
    Column("NODE", "node", DECIMAL),
    Column("SLABS", "slabs", DECIMAL),
    Column("PARTIAL", "partial", DECIMAL),
    Column("PER-CPU", "per_cpu", DECIMAL),
)
_IGNORED = re.compile(rf"([0-9a-f]{{1,16}}) \[IGNORED\]{GAP}(\S.{{0,255}})")
_OBJECT = re.compile(r" {2}(?:\[([0-9a-f]{1,16})\]| ([0-9a-f]{1,16})(?: {1,2}\((.{1,40})\))?) *+")
_IN_CPU = re.compile(r"cpu (\d{1,6}) cache")
_CPU = re.compile(r"CPU (\d{1,6}) (KMEM_CACHE_CPU:|SLAB:|PARTIAL:|\[OFFLINE\])")
_NODE = re.compile(r"NODE (\d{1,6}) (PARTIAL|FULL):")
_ADDRESS = re.compile(r"  ([0-9a-f]{1,16})")
# Names of old kernels hold blanks ("file lock cache"); ``(T)`` behind an address is a symbol's.
_NAME = re.compile(r"([0-9a-f]{8,16}) (?!\([A-Za-z?]\) )(\S.{0,255})")
_TRACKED = {"(not tracked)": False, "(empty)": True}
_OBJECTS_TITLE = "FREE / [ALLOCATED]"


def parse_caches(source: Source) -> list[SlabCache]:
    """``kmem -s``: the table of caches. One that names a cache that isn't there prints nothing."""
    cursor = Cursor(source)
    rows: list[SlabCache] = []
    layout: Layout[SlabCache] | None = None
    while cursor.skip_blank():
        line = cursor.line or ""
        row = layout.match(line) or _ignored(line) if layout else None
        if row:
            rows.append(row)
            cursor.advance()
        elif CACHES.heads(line):
            layout = CACHES.header(source, *cursor.take())
        else:
            cursor.skip_or_reject("no row of the table of slab caches")
    _demand(source, found=layout is not None)
    mark_unknown(source, (row.name for row in rows))
    return rows


def _ignored(line: str) -> SlabCache | None:
    found = _IGNORED.fullmatch(line)
    return SlabCache(cache=int(found[1], 16), name=found[2], ignored=True) if found else None


def _demand(source: Source, *, found: bool) -> None:
    """An output without a table: only a cache by name may give that."""
    if found or (source.lenient and source.warnings):
        return
    if source.warnings or not source.command.arguments:
        source.fail(0, "no table of slab caches")
    say_empty(source, f"no {' '.join(source.command.arguments)}")


def parse_names(source: Source) -> list[SlabCacheName]:
    """``kmem -s list``: address and name of each cache."""
    cursor = Cursor(source)
    rows: list[SlabCacheName] = []
    while cursor.skip_blank():
        if found := cursor.match(_NAME):
            rows.append(SlabCacheName(cache=int(found[1], 16), name=found[2]))
        else:
            cursor.skip_or_reject("no address and name of a slab cache")
    if not rows:
        source.fail(0, "no slab cache")
    mark_unknown(source, (row.name for row in rows))
    return rows


def parse_contents(source: Source) -> list[SlabCacheContents]:
    """``kmem -S``, ``kmem -s ADDRESS``: caches, each with its slabs."""
    cursor = Cursor(source)
    caches: list[SlabCacheContents] = []
    while cursor.skip_blank():
        line = cursor.line or ""
        if CACHES.heads(line):
            caches += cursor.attempt(lambda: list(read_contents(cursor))) or []
        else:
            cursor.skip_or_reject("no header of a slab cache")
    _demand(source, found=bool(caches))
    return caches


def read_contents(cursor: Cursor) -> Iterator[SlabCacheContents]:
    """A header of caches and what follows it: a row, its slabs, perhaps another row.

    Stops in front of the next header or of what belongs to no slab.
    """
    layout = CACHES.header(cursor.source, *cursor.take())
    while cursor.at_text():
        line = cursor.line or ""
        cache = layout.match(line) or _ignored(line)
        if cache is not None:
            cursor.advance()
            yield _Contents(cursor, cache).read()
        elif CACHES.heads(line) or not cursor.skip_noise():
            return


class _Contents:
    """Reads what stands under one cache's row."""

    def __init__(self, cursor: Cursor, cache: SlabCache) -> None:
        self.cursor = cursor
        self.cache = cache
        self.place: str | None = None
        self.slabs: list[Slab] = []
        self.cpus: list[SlabCpu] = []
        self.nodes: list[SlabNode] = []
        self.layout: Layout[Slab] | None = None

    def read(self) -> SlabCacheContents:
        while self.cursor.at_text() and self._part():
            pass
        self._compare()
        return SlabCacheContents(
            cache=self.cache, slabs=tuple(self.slabs), cpus=tuple(self.cpus), nodes=tuple(self.nodes)
        )

    def _compare(self) -> None:
        """Mark an answer with other slabs than those that crash counted."""
        for node in self.nodes:
            listed = sum(slab.place == f"node {node.node} partial" for slab in self.slabs)
            if listed != node.partial:
                message = f"node {node.node} has {node.partial} partial slabs, {listed} are listed"
                self.cursor.source.note("partial", message, incomplete=True)

    def _part(self) -> bool:
        """One line, or a slab with its objects; False for what belongs to no slab."""
        cursor = self.cursor
        line = cursor.line or ""
        if _SLABS.heads(line):
            self.layout = _SLABS.header(cursor.source, *cursor.take())
        elif self.layout and (row := self.layout.match(line)):
            cursor.advance()
            self._slab(row)
        elif found := cursor.match(_CPU):
            self._cpu(int(found[1]), found[2])
        elif found := cursor.match(_NODE):
            self._node_list(int(found[1]), found[2].lower())
        elif _NODES.heads(line):
            self._node()
        elif CACHES.heads(line):
            return False
        else:
            return cursor.skip_noise()
        return True

    def _slab(self, row: Slab) -> None:
        if not self._expected():
            self.cursor.source.fail(self.cursor.offset, "a slab behind no title of a list of slabs")
        objects = tuple(self._objects())
        if len(objects) > 1 and len(objects) != row.total:
            self.cursor.source.note(
                "partial",
                f"slab {row.slab:x} has {row.total} objects, {len(objects)} are listed",
                incomplete=True,
            )
        self.slabs.append(replace(row, place=self.place, objects=objects))

    def _expected(self) -> bool:
        """Whether a slab may stand here: SLUB names each list, and a CPU has one slab of its own."""
        if self.place is None:
            return not (self.cpus or self.nodes)
        return " " in self.place[4:] or all(slab.place != self.place for slab in self.slabs)

    def _objects(self) -> Iterator[SlabObject]:
        cursor = self.cursor
        if (cursor.line or "").strip(" ") == _OBJECTS_TITLE:
            cursor.advance()
        while (found := cursor.match(_OBJECT)) or cursor.skip_noise():
            if found:
                yield _object(found)

    def _cpu(self, cpu: int, what: str) -> None:
        if what == "[OFFLINE]":
            self.cpus.append(SlabCpu(cpu=cpu, offline=True))
        elif what == "KMEM_CACHE_CPU:":
            found = self.cursor.match(_ADDRESS) or self.cursor.source.fail(self.cursor.offset, "no address")
            self.cpus.append(SlabCpu(cpu=cpu, kmem_cache_cpu=int(found[1], 16)))
            self.place = self.layout = None
        else:
            self._list(f"cpu {cpu}" + (" partial" if what == "PARTIAL:" else ""))

    def _list(self, place: str) -> None:
        self.place = place
        self.layout = None
        if (self.cursor.line or "").strip(" ") == "(empty)":
            self.cursor.advance()

    def _node(self) -> None:
        cursor = self.cursor
        layout = _NODES.header(cursor.source, *cursor.take())
        offset, line = cursor.take()
        row = layout.match(line) or cursor.source.fail(offset, layout.reason)
        self.nodes.append(row)
        self.place = self.layout = None

    def _node_list(self, node: int, which: str) -> None:
        line = (self.cursor.line or "").strip(" ")
        self._list(f"node {node} {which}")
        if which == "full" and self.nodes:
            tracked = _TRACKED.get(line, _SLABS.heads(line) or None)
            self.nodes[-1] = replace(self.nodes[-1], full_tracked=tracked)
            if tracked is False:
                self.cursor.advance()


def _object(found: re.Match[str]) -> SlabObject:
    if found[1]:
        return SlabObject(address=int(found[1], 16), state="allocated")
    mark = found[3] or "free"
    cpu = _IN_CPU.fullmatch(mark)
    if cpu:
        return SlabObject(address=int(found[2], 16), state="cpu", cpu=int(cpu[1]))
    return SlabObject(address=int(found[2], 16), state="shared" if mark == "shared cache" else mark)
