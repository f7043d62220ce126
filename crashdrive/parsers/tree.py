"""``tree``: the elements of a red-black tree, radix tree, XArray or maple tree.

Source in crash: ``cmd_tree()``, ``rbtree_iteration()`` (tools.c), ``do_xarray()``, ``do_radix_tree()``
(filesys.c), ``do_maple_tree()`` (maple_tree.c).

As crash prints it::

    crash> tree -t xarray irq_desc_tree
    ffff8c3b01159400
    ffff8c3b01159800
    ffff8c3b01159a00
    ffff8c3b01158800
    ...
"""

from __future__ import annotations

import re

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape
from crashdrive.parsers.grammar.walks import Element, check_elements, elements
from crashdrive.records import Address, Bits, Record


class MapleTree(Record, frozen=True):
    """A maple tree: address of its ``struct maple_tree``, flags, height, and the entry that is its root."""

    address: Address
    flags: Bits
    height: int
    root: Address


class MapleRange(Record, frozen=True):
    """A range of a maple tree, both ends included, at ``depth``: a ``node`` or an ``entry``.

    Of a node: ``node``, its address; ``node_type``, the kernel's number of its type; ``contents``, crash's
    text behind the type. Of an entry: ``entry``, a pointer (0: an empty range), or ``value``, a number that
    is stored in place of a pointer.
    """

    depth: int
    first: Bits
    last: Bits
    node: Address | None = None
    node_type: int | None = None
    contents: str | None = None
    entry: Address | None = None
    value: Bits | None = None


def _maple() -> g.ParserElement:
    """A tree, and its nodes and entries below it; indentation is their depth, bounds are in the command's
    radix::

    maple_tree(ffff9034c006aec0) flags 309, height 2 root 0xffff9034de70041e
    0-18446744073709551615: node 0xffff9034de700400 depth 0 type 3 parent 0x1 contents: ...
      0-94643156942847: 0x0
      94643156942848-94643156946943: value 7 [0xf]
    """
    tree = g.Row(
        r" *+maple_tree\(([0-9a-f]{1,16})\) flags ([0-9A-F]{1,8}), height (\d{1,3}) root 0x([0-9a-f]{1,16})",
        lambda row: MapleTree(int(row[1], 16), int(row[2], 16), int(row[3]), int(row[4], 16)),
        "a maple tree: maple_tree(ADDRESS) flags F, height H root ADDRESS",
    )
    return g.Rows(_ranges(), also=tree)


def _base(text: g.Text) -> int:
    """The radix of ranges, which have no 0x: by the option ``-x``, or the root's range."""
    base: int | None = text.kept.get(_base)
    if base is None:
        hexadecimal = text.source.command.has("x") or "-ffffffffffffffff: " in text.source.text
        base = text.kept[_base] = 16 if hexadecimal else 10
    return base


def _ranges() -> g.Row:
    node = r"node 0x([0-9a-f]{1,16}) depth \d{1,3} type (\d{1,2}) (parent [^:\n]*+(?:: [^:\n]*+)?+)"
    # no release of crash prints (nil)
    entry = r"0x([0-9a-f]{1,16})|(\d{1,20})|\(nil\)"
    value = r"(?:value|zero) \(?(-?\d{1,20}|0x[0-9a-f]{1,16})\)?"
    again = r"(?: \(0x[0-9a-f]{1,16}\))?(?: \[0x[0-9a-f]{1,16}\])?"
    return g.Row(
        rf"( *+)([0-9a-f]{{1,20}}+)(?:-([0-9a-f]{{1,20}}+))?: (?:{node}|{entry}|{value}{again})",
        _range,
        "a range of a maple tree: FIRST-LAST: ENTRY",
    )


def _range(row: re.Match[str]) -> MapleRange | None:
    indent, begin, end, pointer, decimal = row.group(1, 2, 3, 7, 8)
    base = _base(g.Text.of(row.string))
    try:
        first = int(begin, base)
        last = first if end is None else int(end, base)
    except ValueError:
        return None  # a letter in a decimal number
    depth = len(indent) // 2
    if decimal or pointer:
        at = int(decimal) if decimal else int(pointer, 16)
        return MapleRange(depth, first, last, None, None, None, at)
    if row[4]:
        return MapleRange(depth, first, last, int(row[4], 16), int(row[5]), row[6].rstrip())
    if row[9]:
        return MapleRange(depth, first, last, value=int(row[9], 0))
    return MapleRange(depth, first, last, entry=0)


SHAPES = (
    Shape(
        name="maple",
        record=MapleTree | MapleRange,
        grammar=_maple,
        options="tree -t maple -v START",
        when=lambda source: source.text.lstrip().startswith("maple_tree("),
    ),
    Shape(
        name="elements",
        record=Element,
        grammar=elements,
        finish=check_elements,
        options="tree -t TYPE [-o OFFSET] [-r OFFSET] [-s|-S STRUCT[.MEMBER,...]] [-p] [-l] [-N] START",
    ),
)
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
    *(
        "tree -t maple -r mm_struct.mm_mt {mm} -s vm_area_struct.vm_start,vm_flags -d",
        "tree -t maple -N {maple_root}",
        "tree -t xarray irq_desc_tree -s irq_desc.irq_data.irq -x",
    ),
)
