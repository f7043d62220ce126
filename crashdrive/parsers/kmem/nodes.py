"""``kmem -n``: memory nodes, their zones, sparse memory's sections, memory blocks.

Source in crash: ``dump_memory_nodes()``, ``dump_mem_sections()``, ``dump_memory_blocks()`` (memory.c).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from crashdrive.parsers import grammar as g
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, SIGNED, WORD, Cell, Column, or_none
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.records import Address, Record


class NodeZone(Record, frozen=True):
    """A zone of a node: its size in pages, its part of the mem_map, the physical address of its start."""

    zone: int
    name: str
    size_pages: int
    mem_map: Address
    start_paddr: Address
    start_mapnr: int


class MemoryNode(Record, frozen=True):
    """A memory node: its size in pages, the addresses of its structures, its zones."""

    node: int
    size_pages: int
    pglist_data: Address
    bootmem_data: Address | None
    node_zones: tuple[Address, ...]
    mem_map: Address
    start_paddr: Address
    start_mapnr: int
    zones: tuple[NodeZone, ...]


class MemorySection(Record, frozen=True):
    """A section of sparse memory; ``state``: P (present), M (has a mem_map), O (online), E (early)."""

    nr: int
    section: Address
    coded_mem_map: Address
    mem_map: Address
    pfn: int
    state: str | None = None


class MemoryBlock(Record, frozen=True):
    """A block of memory that can go offline: physical addresses of its first and last byte."""

    mem_block: Address
    name: str
    physical_start: Address
    physical_end: Address | None
    state: str
    start_section_no: int
    node: int | None = None


# The name may be "(unknown)".
ZONE_NAME = Cell(r"\S{1,64}")


def nodes() -> g.ParserElement:
    """Nodes, then sections and blocks where the kernel has them; lines of ``-`` stand between::

    NODE    SIZE      PGLIST_DATA       BOOTMEM_DATA       NODE_ZONES
      0    131036   ffff8c3b1e90d000        ----        ffff8c3b1e90d000
                                                        ffff8c3b1e90d600
        MEM_MAP          START_PADDR    START_MAPNR
    fffff19740000040        1000             1

    ZONE  NAME         SIZE       MEM_MAP      START_PADDR  START_MAPNR
      0   DMA          4095  fffff19740000040         1000            1
      1   DMA32      126941  fffff19740040000      1000000         4096

    NR      SECTION        CODED_MEM_MAP        MEM_MAP       STATE PFN
     0  ffff8c3b1ffd8000  fffff19740000000  fffff19740000000  PMOE  0

       MEM_BLOCK        NAME        PHYSICAL RANGE     NODE  STATE   START_SECTION_NO
     ffff8c3b012f0800   memory0           0 -  7ffffff  0    ONLINE  0
    """
    between = g.noise(g.Remark(r" *+-{20,200}+"))
    item = (_node() | _sections() | _blocks()).set_name("a memory node, or sections or blocks of memory")
    return g.Many(item, between=between)


def _node() -> g.ParserElement:
    address = g.Row(r" *+([0-9a-f]{8,16}+)", lambda row: int(row[1], 16), "the address of a zone")
    ends: dict[str, Any] = {"between": g.noise(blank=False), "until": g.Anything()}
    maps = g.table(
        _Map,
        *_map_columns(),
        required=("MEM_MAP", "START_PADDR", "START_MAPNR"),
        what="a node's mem_map",
        **ends,
    )
    zones = g.table(
        NodeZone,
        Column("ZONE", "zone", DECIMAL),
        Column("NAME", "name", ZONE_NAME),
        Column("SIZE", "size_pages", SIGNED),
        *_map_columns(),
        what="a node's zones",
        least=0,
        **ends,
    )
    return g.entries(
        dict,
        Column("NODE", "node", DECIMAL),
        Column("SIZE", "size_pages", SIGNED),
        Column("PGLIST_DATA", "pglist_data", HEX),
        Column("BOOTMEM_DATA", "bootmem_data", or_none(HEX, "-{4}")),
        Column("NODE_ZONES", "first", HEX),
        required=("NODE", "SIZE", "PGLIST_DATA", "BOOTMEM_DATA", "NODE_ZONES"),
        what="memory nodes",
        below=g.Rows(address, least=0, between=g.noise(blank=False), until=g.Anything())
        + maps
        + g.Gap()
        + zones,
        join=_with_zones,
    )


class _Map(NamedTuple):
    mem_map: Address
    start_paddr: Address
    start_mapnr: int


def _map_columns() -> tuple[Column, ...]:
    return (
        Column("MEM_MAP", "mem_map", HEX),
        Column("START_PADDR", "start_paddr", HEX),
        Column("START_MAPNR", "start_mapnr", SIGNED),
    )


def _with_zones(text: g.Text, place: int, node: dict[str, Any], below: list[Any]) -> MemoryNode:
    maps = [one for one in below if isinstance(one, _Map)]
    zones = tuple(one for one in below if isinstance(one, NodeZone))
    addresses = (node.pop("first"), *(one for one in below if isinstance(one, int)))
    if len(maps) != 1:
        text.misfit(place, "a node without its one line MEM_MAP START_PADDR START_MAPNR")
    if len(zones) != len(addresses):
        message = f"node {node['node']} has {len(addresses)} zones, {len(zones)} are listed"
        text.note(place, "partial", message, incomplete=True, late=True)
    return MemoryNode(node_zones=addresses, zones=zones, **maps[0]._asdict(), **node)


def _sections() -> g.ParserElement:
    return g.table(
        MemorySection,
        Column("NR", "nr", DECIMAL),
        Column("SECTION", "section", HEX),
        Column("CODED_MEM_MAP", "coded_mem_map", HEX),
        Column("MEM_MAP", "mem_map", HEX),
        Column("STATE", "state", Cell("[A-Z]{1,8}")),
        Column("PFN", "pfn", DECIMAL),
        what="sections of memory",
        between=g.noise(blank=False),
        until=g.Blank() | _rule(),
        least=0,
    )


def _rule() -> g.ParserElement:
    return g.Row(r" *+-{20,200}+", lambda row: row[0], "a rule")


def _blocks() -> g.ParserElement:
    range_ = Cell(r"[0-9a-f]{1,16}+(?: {0,16}+- {0,16}+[0-9a-f]{1,16}+)?")
    return g.table(
        MemoryBlock,
        Column("MEM_BLOCK", "mem_block", HEX),
        Column("NAME", "name", WORD),
        Column("PHYSICAL RANGE", "range", range_),
        Column("PHYSICAL START", "range", range_),
        Column("NODE", "node", DECIMAL),
        Column("STATE", "state", WORD),
        Column("START_SECTION_NO", "start_section_no", DECIMAL),
        derived=(Derived(("physical_start", "physical_end"), of=("range",), by=_range),),
        required=("MEM_BLOCK", "NAME", frozenset({"PHYSICAL RANGE", "PHYSICAL START"}), "STATE"),
        what="blocks of memory",
        between=g.noise(blank=False),
        until=g.Blank() | _rule(),
        least=0,
    )


def _range(text: str) -> tuple[int, int | None]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high, 16) if high.strip() else None
