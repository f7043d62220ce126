"""``tree``: the elements of a red-black tree, radix tree, XArray or maple tree.

Source in crash: ``cmd_tree()``, ``rbtree_iteration()`` (tools.c), ``do_xarray()``, ``do_radix_tree()``
(filesys.c), ``do_maple_tree()`` (maple_tree.c).
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.walks import Element, WalkReader

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
    "tree -t nosuchtype irq_desc_tree",
)


def _parse(source: Source) -> Sequence[Element]:
    return WalkReader(source).read()


SHAPES = (
    Shape(
        name="elements",
        record=Element,
        parse=_parse,
        options="tree -t TYPE [-o OFFSET] [-r OFFSET] [-s|-S STRUCT[.MEMBER,...]] [-p] [-l] [-N] START",
    ),
)
