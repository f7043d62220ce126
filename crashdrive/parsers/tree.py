"""``tree``: the elements of a red-black tree, radix tree, XArray or maple tree.

Source in crash: ``cmd_tree()``, ``rbtree_iteration()`` (tools.c), ``do_xarray()``, ``do_radix_tree()``
(filesys.c), ``do_maple_tree()`` (maple_tree.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.walks import Element, WalkReader
from crashdrive.records import Address, Bits, Record

OPTSTRING = "xdt:r:o:s:S:plNv"
EXAMPLES = (
    "tree -t rbtree -o vmap_area.rb_node vmap_area_root",
    "tree -t rbtree -o vmap_area.rb_node vmap_area_root -p",
    "tree -t rbtree -o vmap_area.rb_node vmap_area_root -l",
    "tree -t rbtree -o vmap_area.rb_node vmap_area_root -S vmap_area.va_start,va_end -x",
    "tree -t xarray irq_desc_tree",
    "tree -t xarray irq_desc_tree -p",
    "tree -t xarray irq_desc_tree -S irq_desc.irq_data.irq",
    "tree -t radix irq_desc_tree",
    "tree -t maple -r mm_struct.mm_mt {sym:init_mm}",
    "tree -t maple -r mm_struct.mm_mt {mm}",
    "tree -t maple -r mm_struct.mm_mt {mm} -x -p -S vm_area_struct.vm_start,vm_end",
    "tree -t maple -r mm_struct.mm_mt {mm} -v",
    "tree -t nosuchtype irq_desc_tree",
)


class MapleTree(Record, frozen=True):
    """A maple tree: address of its ``struct maple_tree``, flags, height, and the entry that is its root."""

    address: Address
    flags: Bits
    height: int
    root: Address


class MapleRange(Record, frozen=True, kw_only=True):
    """A range of a maple tree, both ends included, at ``depth``: a ``node`` or an ``entry``.

    ``node``: its address and ``node_type`` (the number that the kernel gives it); ``entry``: a pointer, 0 of
    an empty range, ``value``: a number that stands in place of one. ``contents``: what crash prints of a node
    behind its type, as it stands.
    """

    depth: int
    first: Bits
    last: Bits
    node: Address | None = None
    node_type: int | None = None
    contents: str | None = None
    entry: Address | None = None
    value: Bits | None = None


_TREE = re.compile(
    r"maple_tree\(([0-9a-f]{1,16})\) flags ([0-9A-F]{1,8}), height (\d{1,3}) root 0x([0-9a-f]{1,16})"
)
_RANGE = re.compile(r"( *)([0-9a-f]{1,20})(?:-([0-9a-f]{1,20}))?: (\S.*)")
_NODE = re.compile(r"node 0x([0-9a-f]{1,16}) depth (\d{1,3}) type (\d{1,2}) (parent .*)")
_ENTRY = re.compile(r"(?:0x([0-9a-f]{1,16})|(\d{1,20}))")
_NUMBER = re.compile(
    r"(?:value|zero) \(?(-?\d{1,20}|0x[0-9a-f]{1,16})\)?(?: \(0x[0-9a-f]{1,16}\))?(?: \[0x[0-9a-f]{1,16}\])?"
)


def _parse_maple(source: Source) -> Sequence[MapleTree | MapleRange]:
    records: list[MapleTree | MapleRange] = []
    base = _base(source)
    for offset, line in source.lines():
        if tree := _TREE.fullmatch(line.strip()):
            address, flags, height, root = tree.groups()
            records.append(MapleTree(int(address, 16), int(flags, 16), int(height), int(root, 16)))
        elif (row := _RANGE.fullmatch(line.rstrip())) and (found := _range(row, base)):
            records.append(found)
        elif line.strip() == "...":
            source.note("elided", "left out here", line=source.position(offset)[0], incomplete=True)
        elif line.strip():
            source.reject(offset, "no range of a maple tree")
    return records


def _base(source: Source) -> int:
    """Ranges carry no 0x: the whole range of the root tells, or the option that was given."""
    if source.command.has("x") or "-ffffffffffffffff: " in source.text:
        return 16
    return 10


def _range(row: re.Match[str], base: int) -> MapleRange | None:
    indent, first, last, what = row.groups()
    if base == 10 and not (first + (last or "")).isdecimal():
        return None
    ends: dict[str, Any] = {
        "depth": len(indent) // 2,
        "first": int(first, base),
        "last": int(last or first, base),
    }
    if node := _NODE.fullmatch(what):
        address, kind = int(node[1], 16), int(node[3])
        return MapleRange(**ends, node=address, node_type=kind, contents=node[4])
    if entry := _ENTRY.fullmatch(what):
        return MapleRange(**ends, entry=int(entry[1], 16) if entry[1] else int(entry[2]))
    if number := _NUMBER.fullmatch(what):
        return MapleRange(**ends, value=int(number[1], 0))
    return MapleRange(**ends, entry=0) if what == "(nil)" else None  # of no release of crash


def _parse(source: Source) -> Sequence[Element]:
    return WalkReader(source).read()


SHAPES = (
    Shape(
        name="maple",
        record=MapleTree | MapleRange,
        parse=_parse_maple,
        options="tree -t maple -v START",
        when=lambda source: source.text.lstrip().startswith("maple_tree("),
    ),
    Shape(
        name="elements",
        record=Element,
        parse=_parse,
        options="tree -t TYPE [-o OFFSET] [-r OFFSET] [-s|-S STRUCT[.MEMBER,...]] [-p] [-l] [-N] START",
    ),
)
