"""NUMA nodes and the zones of their memory, as /proc/zoneinfo has them (``struct pglist_data``, ``zone``)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

NODE, ZONE = "struct pglist_data", "struct zone"
_FIELDS = {
    "name": ("name",),
    # renamed in 5.0 (a9214443c2c6, 1c30844d2dfe)
    "watermarks": ("_watermark", "watermark"),
    "boost": ("watermark_boost",),
    "protection": ("lowmem_reserve",),
    "start": ("zone_start_pfn",),
    "spanned": ("spanned_pages",),
    "present": ("present_pages",),
    "managed": ("managed_pages.counter", "managed_pages"),
    "highatomic": ("nr_reserved_highatomic",),
    "statistics": ("vm_stat",),
    # struct per_cpu_pages stood in struct per_cpu_pageset until 5.14 (28f836b6777b)
    "per_cpu": ("per_cpu_pageset", "pageset"),
}
_NEEDED = ("name", "watermarks", "spanned", "present", "managed", "statistics")
_OF_NODE = {
    "number": ("node_id",),
    "start": ("node_start_pfn",),
    "present": ("node_present_pages",),
    "spanned": ("node_spanned_pages",),
    "failures": ("kswapd_failures.counter", "kswapd_failures"),
    "order": ("kswapd_order",),
    "kswapd": ("kswapd->pid",),
}
# enum zone_watermarks
_MIN, _LOW, _HIGH = 0, 1, 2
# NR_FREE_PAGES is the first of enum zone_stat_item
_FREE = 0


class MemoryNode(Record, frozen=True):
    """A NUMA node.

    ``present_bytes``: its memory without holes, ``spanned_bytes`` with them. ``kswapd_failures``: how often
    in a row kswapd reclaimed nothing; at 16 it gives up. ``kswapd_order``: the largest order that it was
    woken for.
    """

    node: int
    present_bytes: int | None
    spanned_bytes: int | None
    kswapd_pid: int | None
    kswapd_failures: int | None
    kswapd_order: int | None
    pgdat: Address


class MemoryZone(Record, frozen=True):
    """A zone that has memory; amounts in bytes.

    ``managed_bytes``: the page allocator's part of ``present_bytes``. ``min_bytes``, ``low_bytes`` and
    ``high_bytes``: the watermarks, ``boost_bytes`` (fragmentation) included; ``watermark``: free memory
    against them: ``ok`` (above high), ``below high``, ``below low``, ``below min``. ``protection_bytes``:
    reserve that requests for each higher zone must leave. ``per_cpu_bytes``: free pages on lists of CPUs,
    which aren't in ``free_bytes``. ``first_page``: the number of its first page frame.
    """

    node: int
    zone_name: str | None
    free_bytes: int | None
    min_bytes: int | None
    low_bytes: int | None
    high_bytes: int | None
    boost_bytes: int | None
    watermark: str | None
    managed_bytes: int | None
    present_bytes: int | None
    spanned_bytes: int | None
    highatomic_bytes: int | None
    per_cpu_bytes: int | None
    protection_bytes: tuple[int, ...] | None
    first_page: int | None
    address: Address


class Node(NamedTuple):
    """A node's number and where its ``struct pglist_data`` lies."""

    number: int
    address: int


def read_nodes(survey: Survey) -> list[Node]:
    """The nodes that are online."""
    kernel = survey.kernel
    if not kernel.symbols.has("node_data"):
        return [Node(0, kernel.symbols.address("contig_page_data"))]
    online = _online(kernel)
    pointers = words(kernel, kernel.symbols.address("node_data"), online.bit_length())
    return [
        Node(number, pointer) for number, pointer in enumerate(pointers) if pointer and online >> number & 1
    ]


def _online(kernel: Machine) -> int:
    """A bit for each node that is online (``node_states[N_ONLINE]``)."""
    size = kernel.sizeof("nodemask_t")
    place = kernel.symbols.address("node_states") + size * kernel.enumerators("enum node_states")["N_ONLINE"]
    mask = 0
    for at, word in enumerate(words(kernel, place, size // kernel.pointer_size)):
        mask |= word << (8 * kernel.pointer_size * at)
    return mask


def words(kernel: Machine, place: int, count: int) -> tuple[int, ...]:
    """An array of numbers as wide as a pointer; FaultError."""
    return unpacked(kernel, kernel.read(place, count * kernel.pointer_size))


def unpacked(kernel: Machine, raw: bytes, *, signed: bool = False) -> tuple[int, ...]:
    """The numbers, as wide as a pointer, of an array such as ``atomic_long_t vm_stat[]``."""
    letter = "q" if kernel.pointer_size == 8 else "i"
    count = len(raw) // kernel.pointer_size
    return struct.unpack(f"{kernel.order}{count}{letter if signed else letter.upper()}", raw)


def memory_nodes(survey: Survey) -> Iterator[MemoryNode]:
    """All nodes that are online."""
    kernel, nodes = survey.kernel, read_nodes(survey)
    page = kernel.page_size
    fields = Fields(kernel, NODE, _OF_NODE, ("number", "present"))
    for address, row in survey.addressed(fields, [node.address for node in nodes], "memory nodes"):
        if row["number"] is not None:
            yield MemoryNode(
                node=row["number"],
                present_bytes=scaled(row["present"], page),
                spanned_bytes=scaled(row["spanned"], page),
                kswapd_pid=row["kswapd"],
                kswapd_failures=row["failures"],
                kswapd_order=row["order"],
                pgdat=address,
            )


class Zone(NamedTuple):
    """A zone in pages; ``number``: its index in its node, ``statistics``: by zone_stat_item."""

    node: int
    number: int
    address: int
    name: str | None
    values: Mapping[str, Any]
    statistics: tuple[int, ...] | None

    @property
    def free(self) -> int | None:
        """Free pages, without those on lists of CPUs."""
        return max(self.statistics[_FREE], 0) if self.statistics else None

    def watermark(self, which: int) -> int | None:
        """One of the watermarks, with its boost."""
        marks, boost = self.values["watermarks"], self.values["boost"] or 0
        return None if marks is None else marks[which] + boost

    @property
    def low(self) -> int | None:
        """The watermark below which kswapd is woken."""
        return self.watermark(_LOW)


def read_zones(survey: Survey) -> list[Zone]:
    """All zones that have memory, node by node."""
    kernel, nodes = survey.kernel, read_nodes(survey)
    start, step = kernel.offset(NODE, "node_zones"), kernel.sizeof(ZONE)
    count = kernel.sizeof(kernel.place(NODE, "node_zones").type) // step
    places = [node.address + start + step * number for node in nodes for number in range(count)]
    rows = survey.rows(Fields(kernel, ZONE, _FIELDS, _NEEDED), places, "memory zones")
    names = texts(survey, (row["name"] for row in rows), "names of zones")
    found = []
    for at, row in enumerate(rows):
        raw = row["statistics"]
        counts = None if raw is None else unpacked(kernel, raw, signed=True)
        if row["present"] != 0:
            node = nodes[at // count].number
            found.append(Zone(node, at % count, places[at], names[row["name"]], row, counts))
    return found


def memory_zones(survey: Survey, zones: Sequence[Zone]) -> Iterator[MemoryZone]:
    """The zones as rows."""
    page = survey.kernel.page_size
    held = _on_cpus(survey, zones)
    for zone, pages in zip(zones, held, strict=True):
        row = zone.values
        marks = [zone.watermark(which) for which in (_MIN, _LOW, _HIGH)]
        protection = row["protection"]
        yield MemoryZone(
            node=zone.node,
            zone_name=zone.name,
            free_bytes=scaled(zone.free, page),
            min_bytes=scaled(marks[0], page),
            low_bytes=scaled(marks[1], page),
            high_bytes=scaled(marks[2], page),
            boost_bytes=scaled(row["boost"], page),
            watermark=_against(zone.free, marks),
            managed_bytes=scaled(row["managed"], page),
            present_bytes=scaled(row["present"], page),
            spanned_bytes=scaled(row["spanned"], page),
            highatomic_bytes=scaled(row["highatomic"], page),
            per_cpu_bytes=scaled(pages, page),
            protection_bytes=None if protection is None else tuple(page * one for one in protection),
            first_page=row["start"],
            address=zone.address,
        )


def scaled(count: int | None, unit: int) -> int | None:
    """So many units in bytes; None stays None."""
    return None if count is None else count * unit


def _against(free: int | None, marks: Sequence[int | None]) -> str | None:
    for mark, said in zip(marks, ("below min", "below low", "below high"), strict=True):
        if free is None or mark is None:
            return None
        if free < mark:
            return said
    return "ok"


def _on_cpus(survey: Survey, zones: Sequence[Zone]) -> list[int | None]:
    """Free pages on lists of the possible CPUs, by zone; None where a part is missing."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    kind, path = "struct per_cpu_pages", "count"
    if kernel.has_type("struct per_cpu_pageset"):
        kind, path = "struct per_cpu_pageset", "pcp.count"
    pointers = [zone.values["per_cpu"] for zone in zones]
    places = [kernel.per_cpu_address(pointer, cpu) for pointer in pointers if pointer for cpu in cpus]
    counts = iter(survey.gaps(kernel.read_many(kind, places, [path]), "lists of free pages of CPUs")[path])
    found: list[int | None] = []
    for pointer in pointers:
        own = [next(counts) for _ in cpus] if pointer else [None]
        found.append(None if None in own else sum(one for one in own if one is not None))
    return found
