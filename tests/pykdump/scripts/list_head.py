"""ListHead: nodes, and structures by the member that links them."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


blocks = ListHead(sym2addr("super_blocks"), "struct super_block")
nodes = ListHead(sym2addr("super_blocks"))
show(
    [
        [b.s_id for b in blocks.s_list],
        len(blocks),
        len(nodes),
        nodes[0].isNamed("struct list_head"),
        bool(LH_isempty(readSU("struct list_head", sym2addr("super_blocks")))),
    ]
)
try:
    blocks.no_such
except KeyError:
    show("KeyError")
