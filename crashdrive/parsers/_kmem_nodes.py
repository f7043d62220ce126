"""``kmem -n``: memory nodes, their zones, sparse memory's sections, memory blocks.

Source in crash: ``dump_memory_nodes()``, ``dump_mem_sections()``, ``dump_memory_blocks()`` (memory.c).
"""

from __future__ import annotations

import re
from functools import partial

from crashdrive.parsers._kmem_free import ZONE_NAME
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, SIGNED, WORD, Cell, Column, Table, or_none
from crashdrive.parsers.grammar.cursor import Cursor, read_table
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Record


class NodeZone(Record, frozen=True):
    """A zone of a node: pages in it, its part of the mem_map, physical start."""

    zone: int
    name: str
    size_pages: int
    mem_map: Address
    start_paddr: Address
    start_mapnr: int


class MemoryNode(Record, frozen=True):
    """A memory node: pages in it, addresses of its structures, its zones."""

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
    """A section of sparse memory; ``state`` has a letter for each: Present, has a Map, Online, Early."""

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


class _NodeRow(Record, frozen=True):
    node: int
    size_pages: int
    pglist_data: Address
    bootmem_data: Address | None
    node_zones: Address


class _MapRow(Record, frozen=True):
    mem_map: Address
    start_paddr: Address
    start_mapnr: int


class _BlockRow(Record, frozen=True):
    mem_block: Address
    name: str
    range: tuple[Address, Address | None]
    state: str
    start_section_no: int
    node: int | None = None


def _range(text: str) -> tuple[int, int | None]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high, 16) if high.strip() else None


_NODES = Table(
    _NodeRow,
    Column("NODE", "node", DECIMAL),
    Column("SIZE", "size_pages", SIGNED),
    Column("PGLIST_DATA", "pglist_data", HEX),
    Column("BOOTMEM_DATA", "bootmem_data", or_none(HEX, "-{4}")),
    Column("NODE_ZONES", "node_zones", HEX),
)
_MAPS = Table(
    _MapRow,
    Column("MEM_MAP", "mem_map", HEX),
    Column("START_PADDR", "start_paddr", HEX),
    Column("START_MAPNR", "start_mapnr", SIGNED),
)
_ZONES = Table(
    NodeZone,
    Column("ZONE", "zone", DECIMAL),
    Column("NAME", "name", ZONE_NAME),
    Column("SIZE", "size_pages", SIGNED),
    Column("MEM_MAP", "mem_map", HEX),
    Column("START_PADDR", "start_paddr", HEX),
    Column("START_MAPNR", "start_mapnr", SIGNED),
)
_SECTIONS = Table(
    MemorySection,
    Column("NR", "nr", DECIMAL),
    Column("SECTION", "section", HEX),
    Column("CODED_MEM_MAP", "coded_mem_map", HEX),
    Column("MEM_MAP", "mem_map", HEX),
    Column("STATE", "state", Cell("[A-Z]{1,8}")),
    Column("PFN", "pfn", DECIMAL),
)
_RANGE = Cell(r"[0-9a-f]{1,16}(?: {0,16}- {0,16}[0-9a-f]{1,16})?", _range)
_BLOCKS = Table(
    _BlockRow,
    Column("MEM_BLOCK", "mem_block", HEX),
    Column("NAME", "name", WORD),
    Column("PHYSICAL RANGE", "range", _RANGE),
    Column("PHYSICAL START", "range", _RANGE),
    Column("NODE", "node", DECIMAL),
    Column("STATE", "state", WORD),
    Column("START_SECTION_NO", "start_section_no", DECIMAL),
)
_ADDRESS = re.compile(r" *([0-9a-f]{8,16}) *")
_RULE = re.compile(r" *-{20,200} *")


def parse_nodes(source: Source) -> list[MemoryNode | MemorySection | MemoryBlock]:
    """``kmem -n``: nodes, then sections, then blocks, as far as the kernel has them."""
    cursor = Cursor(source)
    records: list[MemoryNode | MemorySection | MemoryBlock] = []
    while cursor.skip_blank():
        line = cursor.line or ""
        if _NODES.heads(line):
            records += filter(None, [cursor.attempt(partial(_node, cursor))])
        elif _SECTIONS.heads(line):
            records += list[MemorySection](read_table(cursor, _SECTIONS))
        elif _BLOCKS.heads(line):
            records += [_block(row) for row in read_table(cursor, _BLOCKS)]
        elif not cursor.match(_RULE):
            cursor.skip_or_reject("no line of the memory nodes")
    return demand_records(source, records, "no memory node")


def _node(cursor: Cursor) -> MemoryNode:
    source = cursor.source
    layout = _NODES.header(source, *cursor.take())
    offset, line = cursor.take()
    row = layout.match(line) or source.fail(offset, layout.reason)
    addresses = [row.node_zones]
    while found := cursor.match(_ADDRESS):
        addresses.append(int(found[1], 16))
    maps = read_table(cursor, _MAPS)
    if len(maps) != 1:
        source.fail(cursor.offset, "a node without its one line MEM_MAP START_PADDR START_MAPNR")
    cursor.skip_blank()
    zones = read_table(cursor, _ZONES)
    if len(zones) != len(addresses):
        message = f"node {row.node} has {len(addresses)} zones, {len(zones)} are listed"
        source.note("partial", message, incomplete=True)
    return MemoryNode(
        node=row.node,
        size_pages=row.size_pages,
        pglist_data=row.pglist_data,
        bootmem_data=row.bootmem_data,
        node_zones=tuple(addresses),
        mem_map=maps[0].mem_map,
        start_paddr=maps[0].start_paddr,
        start_mapnr=maps[0].start_mapnr,
        zones=tuple(zones),
    )


def _block(row: _BlockRow) -> MemoryBlock:
    start, end = row.range
    return MemoryBlock(
        mem_block=row.mem_block,
        name=row.name,
        physical_start=start,
        physical_end=end,
        state=row.state,
        start_section_no=row.start_section_no,
        node=row.node,
    )
